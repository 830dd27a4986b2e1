/** One line of a task's log. */
export interface LogRow {
  /** Epoch ms with a fraction where the runner gave one; kept to the microsecond. */
  readonly time: number;
  /** Without line end. */
  readonly content: string;
}

/** Consecutive rows of a log, packed: a million of them are two buffers, not a million objects. */
export interface LogRows {
  readonly count: number;
  /** Epoch ms of each row. */
  readonly times: Float64Array;
  /** The rows as UTF-8, each with `\n` behind it and none within. */
  readonly text: Uint8Array;
}

/** The rows of a pack, from row `from` of it on. */
export function unpackRows(rows: LogRows, from = 0, to = rows.count): LogRow[] {
  const part = sliceRows(rows, from, to);
  if (part.count === 0) return [];
  const contents = asBuffer(part.text)
    .toString("utf8", 0, part.text.length - 1)
    .split("\n");
  return Array.from(part.times, (time, i) => ({ time, content: contents[i] ?? "" }));
}

/** Some rows of a pack, without copying. */
export function sliceRows(rows: LogRows, from: number, to = rows.count): LogRows {
  const first = Math.max(0, from);
  const last = Math.min(rows.count, to);
  if (first >= last) return { count: 0, times: new Float64Array(0), text: new Uint8Array(0) };
  if (first === 0 && last === rows.count) return rows;
  const start = rowOffset(rows.text, 0, first);
  const end = last === rows.count ? rows.text.length : rowOffset(rows.text, start, last - first);
  return { count: last - first, times: rows.times.subarray(first, last), text: rows.text.subarray(start, end) };
}

/** Where the row begins that is `count` rows behind the one at `offset`. */
function rowOffset(text: Uint8Array, offset: number, count: number): number {
  let at = offset;
  for (let i = 0; i < count; i++) at = text.indexOf(0x0a, at) + 1;
  return at;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
