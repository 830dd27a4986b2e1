import { isUtf8 } from "node:buffer";
import type { LogRow, LogRows } from "./log-rows.ts";

/** Gitea cuts rows at the same length. */
const LONGEST_ROW_BYTES = 64 * 1024;
/** Room for the first rows. */
const FIRST_BYTES = 16 * 1024;
/** Shorter rows are copied byte by byte, which is faster than a call. */
const SHORT_BYTES = 128;
const LINE_FEED = 0x0a;

/**
 * Packs rows one after the other, from bytes as they come off the wire. A row is one line: a line feed in it becomes
 * `\n` in two characters, as Gitea does it; one longer than 64 KiB is cut, never within a character; what is not UTF-8
 * becomes U+FFFD.
 */
export class LogRowsBuilder {
  #text = Buffer.alloc(0);
  #bytes = 0;
  #times = new Float64Array(128);
  #count = 0;
  /** Whether a byte beyond ASCII may be there. */
  #wide = false;

  /** Rows that were added and not taken. */
  get count(): number {
    return this.#count;
  }

  /** Their length with line ends. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the row whose content is `source[start, end)`. @param time epoch ms */
  add(time: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > LONGEST_ROW_BYTES) {
      this.#addSlowly(time, source.subarray(start, start + LONGEST_ROW_BYTES + 1));
      return;
    }
    if (!this.#copy(source, start, end)) {
      this.#addSlowly(time, source.subarray(start, end));
      return;
    }
    this.#end(time);
  }

  /** What was added; the builder is empty afterwards. */
  take(): LogRows {
    const rows = {
      count: this.#count,
      times: this.#times.subarray(0, this.#count),
      text: this.#validText(),
    };
    this.#text = Buffer.alloc(0);
    this.#times = new Float64Array(128);
    this.#bytes = 0;
    this.#count = 0;
    this.#wide = false;
    return rows;
  }

  /** Copies a row's bytes behind the text; false where they hold a line feed. */
  #copy(source: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    this.#reserve(length + 1);
    const text = this.#text;
    let at = this.#bytes;
    if (length > SHORT_BYTES) {
      const row = source.subarray(start, end);
      if (row.indexOf(LINE_FEED) >= 0) return false;
      text.set(row, at);
      this.#wide = true;
      this.#bytes = at + length;
      return true;
    }
    let all = 0;
    for (let from = start; from < end; from++) {
      const byte = source[from] as number;
      if (byte === LINE_FEED) return false;
      all |= byte;
      text[at++] = byte;
    }
    if (all >= 0x80) this.#wide = true;
    this.#bytes = at;
    return true;
  }

  #addSlowly(time: number, content: Uint8Array): void {
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString().replaceAll("\n", "\\n");
    const bytes = Buffer.from(text);
    this.#copy(bytes, 0, cutLength(bytes));
    this.#end(time);
  }

  #end(time: number): void {
    this.#text[this.#bytes++] = LINE_FEED;
    if (this.#count === this.#times.length) {
      const times = new Float64Array(this.#count * 2);
      times.set(this.#times);
      this.#times = times;
    }
    this.#times[this.#count++] = time;
  }

  #reserve(more: number): void {
    if (this.#bytes + more <= this.#text.length) return;
    const text = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, this.#text.length * 2, this.#bytes + more));
    this.#text.copy(text, 0, 0, this.#bytes);
    this.#text = text;
  }

  #validText(): Uint8Array {
    const text = this.#text.subarray(0, this.#bytes);
    return !this.#wide || isUtf8(text) ? text : Buffer.from(text.toString());
  }
}

/** Packs rows; what a row must not hold is replaced as the builder says. */
export function packRows(rows: Iterable<LogRow>): LogRows {
  const builder = new LogRowsBuilder();
  for (const { time, content } of rows) {
    const bytes = Buffer.from(content);
    builder.add(time, bytes, 0, bytes.length);
  }
  return builder.take();
}

/** Bytes of a row that are kept: bytes 10xxxxxx continue a character, and one that does not fit is left out. */
function cutLength(bytes: Uint8Array): number {
  if (bytes.length <= LONGEST_ROW_BYTES) return bytes.length;
  let end = LONGEST_ROW_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}
