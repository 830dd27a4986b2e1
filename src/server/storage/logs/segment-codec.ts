import { promisify } from "node:util";
import { constants, zstdCompress, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type LogRows, sliceRows } from "../../domain/log-rows.ts";
import { packRows } from "../../domain/log-rows-builder.ts";
import { makeFilter } from "./segment-filter.ts";

/*
 * A segment is a run of rows of one log, as it lies in the database and in a blob:
 *
 *   format (1 byte) · length of the body (4) · filter, where the format says so · body, packed by zstd where it says so
 *   filter: binary logarithm of its length (1) · filter (segment-filter.ts)
 *   body: number of rows (4) · length of the times (4) · times · the rows, each with a line feed behind it
 *
 * Times are differences to the row before, in µs, as zigzag varints. Whole numbers are little-endian. The rows stand
 * together, so that a search looks at nothing else. The formats 0 and 1 are those of the first version:
 * JSON `[[time, …], [content, …]]`, plain or packed by zstd without a length.
 */

const JSON_PLAIN = 0;
const JSON_ZSTD = 1;
const PLAIN = 2;
const ZSTD = 3;
const FILTER_ZSTD = 4;

const HEAD_BYTES = 5;
const BODY_HEAD_BYTES = 8;
/** Also the smallest buffer that node takes. */
const ROOM_BYTES = 64;

/** Most rows in one segment. */
const SEGMENT_ROWS = 32_768;

/** Rows are put into one segment until it has this many bytes: what a read of one row has to unpack. */
export const SEGMENT_BYTES = 512 * 1024;

/** Below this size compression gains nothing. */
const WORTH_PACKING = 200;

/** Level 1: twice as fast as the default, and logs become hardly larger. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const compress = promisify(zstdCompress);

/** Longest varint of a time. */
const TIME_BYTES = 9;

/** Cuts rows into pieces that each make a segment. */
export function toSegments(rows: LogRows): LogRows[] {
  if (rows.count <= SEGMENT_ROWS && rows.text.length <= SEGMENT_BYTES) return rows.count === 0 ? [] : [rows];
  const pieces: LogRows[] = [];
  for (let row = 0, offset = 0; row < rows.count; ) {
    const start = offset;
    let to = row;
    while (to < rows.count && to - row < SEGMENT_ROWS && (offset - start < SEGMENT_BYTES || to === row)) {
      offset = rows.text.indexOf(0x0a, offset) + 1;
      to++;
    }
    pieces.push({ count: to - row, times: rows.times.subarray(row, to), text: rows.text.subarray(start, offset) });
    row = to;
  }
  return pieces;
}

/** The part of rows that begin at `firstRow` which is at or beyond row `length`; none where all is stored. */
export function beyond(firstRow: number, rows: LogRows, length: number): LogRows {
  return sliceRows(rows, length - firstRow);
}

/** Rows as a segment that a search need not unpack to see that it holds nothing. */
export function packSearchable(rows: LogRows): Buffer {
  const filter = makeFilter(rows.text);
  if (filter.length === 0) return pack(rows);
  const body = encode(rows);
  return segmentOf(FILTER_ZSTD, body, [Buffer.of(Math.log2(filter.length)), filter, zstdCompressSync(body, LEVEL)]);
}

/** Rows as a segment, in less time. */
export function pack(rows: LogRows): Buffer {
  const body = encode(rows);
  if (body.length < WORTH_PACKING) return segmentOf(PLAIN, body, [body]);
  return segmentOf(ZSTD, body, [zstdCompressSync(body, LEVEL)]);
}

/** The same in Node's thread pool. */
export async function packLater(rows: LogRows): Promise<Buffer> {
  const body = encode(rows);
  if (body.length < WORTH_PACKING) return segmentOf(PLAIN, body, [body]);
  return segmentOf(ZSTD, body, [await compress(body, LEVEL)]);
}

function segmentOf(format: number, body: Buffer, parts: readonly Uint8Array[]): Buffer {
  const segment = Buffer.allocUnsafeSlow(HEAD_BYTES + parts.reduce((sum, { length }) => sum + length, 0));
  segment[0] = format;
  segment.writeUInt32LE(body.length, 1);
  let at = HEAD_BYTES;
  for (const part of parts) {
    segment.set(part, at);
    at += part.length;
  }
  return segment;
}

/** The filter of a segment; empty where it has none. */
export function filterOf(segment: Uint8Array): Uint8Array {
  if (segment[0] !== FILTER_ZSTD) return segment.subarray(0, 0);
  return segment.subarray(HEAD_BYTES + 1, HEAD_BYTES + 1 + 2 ** (segment[HEAD_BYTES] ?? 0));
}

/** The rows of a segment. */
export function unpack(segment: Uint8Array): LogRows {
  const { count, text, times } = openSegment(segment);
  return { count, times: times(), text };
}

/** A segment whose times are only decoded when they are asked for. */
export interface OpenSegment {
  readonly count: number;
  /** Its rows, each with a line feed behind it. */
  readonly text: Buffer;
  times(): Float64Array;
}

/** Unpacks a segment. @throws Error when its format is unknown or it is damaged */
export function openSegment(segment: Uint8Array): OpenSegment {
  const body = bodyOf(Buffer.from(segment.buffer, segment.byteOffset, segment.byteLength));
  const count = body.readUInt32LE(0);
  return {
    count,
    text: body.subarray(BODY_HEAD_BYTES + body.readUInt32LE(4)),
    times: () => decodeTimes(body, count),
  };
}

function decodeTimes(body: Buffer, count: number): Float64Array {
  const times = new Float64Array(count);
  for (let row = 0, at = BODY_HEAD_BYTES, micros = 0; row < count; row++) {
    let value = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = body[at++] as number;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    micros += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    times[row] = micros / 1000;
  }
  return times;
}

function bodyOf(segment: Buffer): Buffer {
  switch (segment[0]) {
    case FILTER_ZSTD:
      return unpacked(segment, HEAD_BYTES + 1 + 2 ** segment.readUInt8(HEAD_BYTES));
    case ZSTD:
      return unpacked(segment, HEAD_BYTES);
    case PLAIN:
      return segment.subarray(HEAD_BYTES);
    case JSON_ZSTD:
      return fromJson(zstdDecompressSync(segment.subarray(1)));
    case JSON_PLAIN:
      return fromJson(segment.subarray(1));
    default:
      throw new Error(`a log segment has the unknown format ${segment[0]}; a newer version may have written it`);
  }
}

function unpacked(segment: Buffer, start: number): Buffer {
  // A buffer of the right size from the start, and one that does not become full: else node grows it, at the price of
  // the decompression itself.
  return zstdDecompressSync(segment.subarray(start), { chunkSize: segment.readUInt32LE(1) + ROOM_BYTES });
}

function fromJson(json: Buffer): Buffer {
  const [times, contents]: [number[], string[]] = JSON.parse(json.toString());
  return encode(packRows(times.map((time, i) => ({ time, content: contents[i] ?? "" }))));
}

function encode({ count, times, text }: LogRows): Buffer {
  const body = Buffer.allocUnsafe(BODY_HEAD_BYTES + count * TIME_BYTES + text.length);
  let at = BODY_HEAD_BYTES;
  for (let row = 0, before = 0; row < count; row++) {
    const micros = Math.round((times[row] as number) * 1000);
    const difference = micros - before;
    before = micros;
    let value = difference < 0 ? -2 * difference - 1 : 2 * difference;
    while (value >= 0x80) {
      body[at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    body[at++] = value;
  }
  body.writeUInt32LE(count, 0);
  body.writeUInt32LE(at - BODY_HEAD_BYTES, 4);
  body.set(text, at);
  return body.subarray(0, at + text.length);
}
