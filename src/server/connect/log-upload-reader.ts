import { AppError } from "../../lib/errors.ts";
import { LogRowsBuilder } from "../domain/log-rows-builder.ts";

/** Tags of runner.v1.UpdateLogRequest: field number × 8 + wire type. */
const TASK_ID = 8;
const INDEX = 16;
const ROW = 26;
const NO_MORE = 32;
/** Tags of runner.v1.LogRow. */
const ROW_TIME = 10;
const ROW_CONTENT = 18;
/** Tags of google.protobuf.Timestamp. */
const SECONDS = 8;
const NANOS = 16;

/** Rows are cut at 64 KiB; of a longer one no more than this is kept until it is there as a whole. */
const LONGEST_FIELD = 128 * 1024;
/** The year 9999: a later time could not even be shown. */
const LATEST_S = 253_402_300_799;
const EMPTY = new Uint8Array(0);

/**
 * Reads an UpdateLogRequest while it arrives, into packed rows: a message may have 256 MiB and millions of rows, and is
 * never there as a whole. It knows the four fields of the message and skips others.
 */
export class LogUploadReader {
  /** Rows that were read and not taken. */
  readonly rows = new LogRowsBuilder();
  taskId = 0;
  index = 0;
  noMore: boolean = false;
  /** What was not read yet: the beginning of a field. */
  #buffer: Uint8Array = EMPTY;
  #at = 0;
  /** Bytes of a field that are to be passed over. */
  #skip = 0;

  /** Reads what is complete. @throws AppError invalid when it is no UpdateLogRequest */
  push(chunk: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    this.#at = 0;
    let done = 0;
    while (this.#field()) done = this.#at;
    this.#buffer = this.#buffer.subarray(done);
  }

  /** To be called behind the last chunk. @throws AppError invalid when the message breaks off */
  end(): void {
    if (this.#buffer.length > 0 || this.#skip > 0) throw notOne();
  }

  /** Reads one field or a part to be skipped; false when the buffer holds no whole one. */
  #field(): boolean {
    const { length } = this.#buffer;
    if (this.#at >= length) return false;
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, length - this.#at);
      this.#skip -= skipped;
      this.#at += skipped;
      return true;
    }
    const tag = this.#varint(length);
    if (tag < 0) return false;
    if ((tag & 7) === 2) return this.#lengthDelimited(tag);
    if ((tag & 7) !== 0) {
      this.#skip = fixedLength(tag);
      return true;
    }
    const value = this.#varint(length);
    if (value < 0) return false;
    if (tag === TASK_ID) this.taskId = count(value, "task_id");
    else if (tag === INDEX) this.index = count(value, "index");
    else if (tag === NO_MORE) this.noMore = value !== 0;
    return true;
  }

  #lengthDelimited(tag: number): boolean {
    const bytes = this.#varint(this.#buffer.length);
    if (bytes < 0) return false;
    if (tag !== ROW) {
      this.#skip = bytes;
      return true;
    }
    const kept = Math.min(bytes, LONGEST_FIELD);
    if (this.#at + kept > this.#buffer.length) return false;
    this.#row(this.#at + kept);
    this.#skip = bytes - kept;
    return true;
  }

  /** A row that reaches to `end`; where it was cut there, its content ends with it. */
  #row(end: number): void {
    let time = 0;
    let from = end;
    let to = end;
    while (this.#at < end) {
      const tag = this.#varint(end);
      if (tag < 0) throw notOne();
      const wireType = tag & 7;
      const value = wireType === 0 || wireType === 2 ? this.#varint(end) : fixedLength(tag);
      if (value < 0) throw notOne();
      if (wireType === 0) continue;
      const next = Math.min(end, this.#at + value);
      if (tag === ROW_TIME) time = this.#time(next);
      else if (tag === ROW_CONTENT) {
        from = this.#at;
        to = next;
      }
      this.#at = next;
    }
    this.rows.add(time, this.#buffer, from, to);
  }

  /** Epoch ms; 0 where the wire has a time that cannot be. */
  #time(end: number): number {
    let seconds = 0;
    let nanos = 0;
    while (this.#at < end) {
      const tag = this.#varint(end);
      const value = this.#varint(end);
      if (tag < 0 || value < 0) throw notOne();
      if (tag === SECONDS) seconds = value;
      else if (tag === NANOS) nanos = value;
    }
    return seconds >= LATEST_S ? 0 : seconds * 1000 + Math.min(nanos, 999_999_999) / 1e6;
  }

  /** A whole number; a negative one is beyond 2^63. -1 when the bytes before `end` do not hold all of it. */
  #varint(end: number): number {
    const first = this.#buffer[this.#at] as number;
    if (this.#at < end && first < 0x80) {
      this.#at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let at = this.#at; at < end; scale *= 128) {
      const byte = this.#buffer[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        this.#at = at;
        return value;
      }
      if (scale > 2 ** 63) throw notOne();
    }
    return -1;
  }
}

function fixedLength(tag: number): number {
  if ((tag & 7) === 1) return 8;
  if ((tag & 7) === 5) return 4;
  throw notOne();
}

function count(value: number, name: string): number {
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new AppError("invalid", `${name} must be a whole number from 0 to 2^53; it is not`);
}

function notOne(): AppError {
  return new AppError("invalid", "the request is not a runner.v1.UpdateLogRequest");
}
