/** One row of a log. */
export interface SpooledRow {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Rows as they go on the wire. */
export interface EncodedRows {
  readonly count: number;
  /** Fields `rows` of a runner.v1.UpdateLogRequest, each behind its tag; whole rows in each part. */
  readonly parts: readonly Uint8Array[];
}

/** Tags of protobuf: field number × 8 + wire type. */
const ROW = 26;
const ROW_TIME = 10;
const ROW_CONTENT = 18;
const SECONDS = 8;
const NANOS = 16;

/** Most bytes that the wire adds to the text of a row. */
const ROW_OVERHEAD_BYTES = 32;

/** So many bytes hold this row on the wire. */
export function roomFor(row: SpooledRow): number {
  return Buffer.byteLength(row.text) + ROW_OVERHEAD_BYTES;
}

/** Rows that were in no spool. */
export function encodeRows(rows: readonly SpooledRow[]): EncodedRows {
  const rooms = rows.map(roomFor);
  const chunk = new RowChunk(Buffer.allocUnsafe(rooms.reduce((sum, room) => sum + room, 0)));
  rows.forEach((row, index) => void chunk.add(row, rooms[index] as number));
  const { count, part } = chunk.peek({ rows: rows.length, bytes: Infinity }, 0);
  return { count, parts: [part] };
}

/**
 * Rows in the form of the wire, one behind the other in one buffer: a row that waits is no object, which the heap would
 * have to carry along, and is encoded once however often it is sent.
 */
export class RowChunk {
  /** Undefined while the rows are on disk only. */
  bytes: Buffer | undefined;
  /** Where the rows are in the spool's file, if they are to be there. */
  position: number | undefined;
  /** Somebody may look at the bytes: they stay as they are until the rows are dropped. */
  pinned: boolean = false;
  #from = 0;
  #end = 0;
  #rows = 0;

  /** @param bytes is filled from its beginning; what it held does not matter */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Rows that were not dropped. */
  get rows(): number {
    return this.#rows;
  }

  /** Bytes from the beginning of the buffer to behind the last row. */
  get length(): number {
    return this.#end;
  }

  /** Adds a row; false when there is no room for it. @param room of `roomFor` */
  add(row: SpooledRow, room: number): boolean {
    const { bytes } = this;
    if (bytes === undefined || this.#end + room > bytes.length) return false;
    const seconds = Math.floor(row.at / 1000);
    const nanos = Math.round((row.at - seconds * 1000) * 1e6);
    const textBytes = room - ROW_OVERHEAD_BYTES;
    const timeBytes = 2 + varintBytes(seconds) + varintBytes(nanos);
    let at = putVarint(bytes, this.#end, ROW);
    at = putVarint(bytes, at, 2 + timeBytes + 1 + varintBytes(textBytes) + textBytes);
    at = putVarint(bytes, at, ROW_TIME);
    at = putVarint(bytes, at, timeBytes);
    at = putVarint(bytes, at, SECONDS);
    at = putVarint(bytes, at, seconds);
    at = putVarint(bytes, at, NANOS);
    at = putVarint(bytes, at, nanos);
    at = putVarint(bytes, at, ROW_CONTENT);
    at = putVarint(bytes, at, textBytes);
    // What is no text becomes U+FFFD, which is as long as byteLength takes it to be.
    this.#end = at + bytes.write(row.text, at, textBytes, "utf8");
    this.#rows += 1;
    return true;
  }

  /** The oldest rows, until one more would exceed a limit. @param least so many in any case, if there are */
  peek(limits: { readonly rows: number; readonly bytes: number }, least: number): { count: number; part: Uint8Array } {
    const bytes = this.#loaded();
    let count = 0;
    let end = this.#from;
    while (count < Math.min(this.#rows, limits.rows)) {
      const next = rowEnd(bytes, end);
      if (count >= least && next - this.#from > limits.bytes) break;
      end = next;
      count += 1;
    }
    return { count, part: bytes.subarray(this.#from, end) };
  }

  /** Forgets the oldest rows; at most those that there are. */
  drop(count: number): void {
    const bytes = this.#loaded();
    for (let row = 0; row < count; row += 1) this.#from = rowEnd(bytes, this.#from);
    this.#rows -= count;
  }

  #loaded(): Buffer {
    if (this.bytes === undefined) throw new Error("the rows of a chunk were asked for while they are on disk");
    return this.bytes;
  }
}

function rowEnd(bytes: Buffer, start: number): number {
  let length = 0;
  let at = start + 1;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at + length;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

function putVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  bytes[at++] = rest;
  return at;
}
