import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { LogRow } from "../log-store.ts";

/*
 * A segment is a run of rows of one log. Its text is the JSON `[[time, …], [content, …]]`: JSON carries every content,
 * with line ends, NUL and lone surrogates, and every time with its fraction, and V8 reads and writes it natively.
 * On disk the first byte tells how the rest is packed.
 */

/** Most rows in one segment: what a read of one row has to unpack. */
export const SEGMENT_ROWS = 2048;

/** Rows are put into one segment until their contents have this many characters. */
export const SEGMENT_CHARS = 1024 * 1024;

const PLAIN = 0;
const ZSTD = 1;

/** Below this size compression gains nothing. */
const WORTH_PACKING = 200;

/** Consecutive rows, not yet packed. */
export interface Segment {
  readonly firstRow: number;
  readonly rowCount: number;
  /** UTF-8 JSON. */
  readonly text: Uint8Array;
}

/** Cuts rows into segments of bounded size; `firstRow` is the number of the first of them. */
export function toSegments(firstRow: number, rows: readonly LogRow[]): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  while (from < rows.length) {
    let to = from;
    for (let chars = 0; to < rows.length && to - from < SEGMENT_ROWS && chars < SEGMENT_CHARS; to++) {
      chars += rows[to]?.content.length ?? 0;
    }
    const part = rows.slice(from, to);
    segments.push({ firstRow: firstRow + from, rowCount: part.length, text: encodeRows(part) });
    from = to;
  }
  return segments;
}

/** Rows as the text of a segment. */
export function encodeRows(rows: readonly LogRow[]): Uint8Array {
  return Buffer.from(JSON.stringify([rows.map((row) => row.time), rows.map((row) => row.content)]));
}

/** The rows of a segment's text. */
export function decodeRows(text: Uint8Array): LogRow[] {
  const [times, contents]: [number[], string[]] = JSON.parse(
    Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString(),
  );
  return times.map((time, i) => ({ time, content: contents[i] ?? "" }));
}

/** A segment's text as it is stored. */
export function pack(text: Uint8Array): Buffer {
  return worthPacking(text) ? Buffer.concat([Buffer.of(ZSTD), zstdCompressSync(text)]) : plain(text);
}

/** The same with a compressor that does not block. */
export async function packWith(text: Uint8Array, zstd: (text: Uint8Array) => Promise<Buffer>): Promise<Buffer> {
  return worthPacking(text) ? Buffer.concat([Buffer.of(ZSTD), await zstd(text)]) : plain(text);
}

function worthPacking(text: Uint8Array): boolean {
  return text.byteLength >= WORTH_PACKING;
}

function plain(text: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(PLAIN), text]);
}

/** The part of a segment at or beyond row `length`, or undefined when all of it is stored. */
export function beyond(segment: Segment, length: number): Segment | undefined {
  const stored = length - segment.firstRow;
  if (stored <= 0) return segment;
  if (stored >= segment.rowCount) return undefined;
  const text = encodeRows(decodeRows(segment.text).slice(stored));
  return { firstRow: length, rowCount: segment.rowCount - stored, text };
}

/** The text of a stored segment. */
export function unpack(stored: Uint8Array): Uint8Array {
  const body = stored.subarray(1);
  return stored[0] === ZSTD ? zstdDecompressSync(body) : body;
}
