import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Mutex } from "../../lib/mutex.ts";

/** One row of a log. */
export interface SpooledRow {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Bounds of a spool. */
export interface RowSpoolOptions {
  /** File for what the memory does not hold; made, with its folder, when it is needed; removed at the end. */
  readonly file: string;
  /** @default 2 MiB */
  readonly memoryBytes?: number;
  /** Size the file may reach; rows beyond it are dropped, with a row that says so. @default 1 GiB */
  readonly diskBytes?: number;
}

const WRITE_CHUNK_BYTES = 256 * 1024;
const READ_CHUNK_BYTES = 1024 * 1024;
const ROW_OVERHEAD_BYTES = 48;
const CUT_ROW = "##[warning]The log is cut here: the server was away for so long that the runner's buffer is full.";

/**
 * Keeps the rows that the server has not acknowledged, in order and numbered from 0.
 *
 * ```
 * push ─► [staging] ─► file ─► [head] ─► read … ack       while the file is empty, rows go straight to the head
 * ```
 */
export class RowSpool implements AsyncDisposable {
  readonly #options: Required<RowSpoolOptions>;
  readonly #io = new Mutex();
  #head: SpooledRow[] = [];
  #headBytes = 0;
  #base = 0;
  #end = 0;
  #staging: SpooledRow[] = [];
  #stagingBytes = 0;
  #file: FileHandle | undefined;
  #written = 0;
  #consumed = 0;
  #rowsOnDisk = 0;
  #cut = false;
  #disposed = false;

  constructor(options: RowSpoolOptions) {
    this.#options = { memoryBytes: 2 * 1024 * 1024, diskBytes: 1024 * 1024 * 1024, ...options };
  }

  /** Number of the first row that is not acknowledged. */
  get base(): number {
    return this.#base;
  }

  /** Number of rows ever taken. */
  get end(): number {
    return this.#end;
  }

  /** Takes a row. A returned promise pushes back: rows come faster than the disk takes them. */
  push(row: SpooledRow): void | Promise<void> {
    const bytes = row.text.length + ROW_OVERHEAD_BYTES;
    if (!this.#spilling && this.#headBytes + bytes <= this.#options.memoryBytes) {
      this.#head.push(row);
      this.#headBytes += bytes;
      this.#end += 1;
      return;
    }
    if (this.#cut) return;
    if (this.#written + this.#stagingBytes + bytes > this.#options.diskBytes) {
      this.#addCut(row.at);
      return;
    }
    this.#staging.push(row);
    this.#stagingBytes += bytes;
    this.#end += 1;
    if (this.#stagingBytes >= WRITE_CHUNK_BYTES) return this.#io.run(() => this.#flush());
  }

  /**
   * The oldest rows that are not acknowledged, at most so many; at least one when there is one.
   * @param limits `bytes`: of the message, rows as UTF-8
   */
  async read(limits: { rows: number; bytes: number }): Promise<readonly SpooledRow[]> {
    if (this.#head.length === 0 && this.#spilling) await this.#io.run(() => this.#refill());
    const rows: SpooledRow[] = [];
    let bytes = 0;
    for (const row of this.#head) {
      bytes += Buffer.byteLength(row.text) + ROW_OVERHEAD_BYTES;
      if (rows.length > 0 && (rows.length >= limits.rows || bytes > limits.bytes)) break;
      rows.push(row);
    }
    return rows;
  }

  /** Drops the rows before this number; only rows that were read can be acknowledged. */
  ack(index: number): void {
    const count = Math.min(Math.max(index - this.#base, 0), this.#head.length);
    for (const row of this.#head.splice(0, count)) this.#headBytes -= row.text.length + ROW_OVERHEAD_BYTES;
    this.#base += count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#io.run(async () => {
      if (this.#file === undefined) return;
      await this.#file.close();
      this.#file = undefined;
      await rm(this.#options.file, { force: true });
    });
  }

  get #spilling(): boolean {
    return this.#rowsOnDisk > 0 || this.#staging.length > 0;
  }

  async #flush(): Promise<void> {
    if (this.#staging.length === 0 || this.#disposed) return;
    const rows = this.#staging;
    this.#staging = [];
    this.#stagingBytes = 0;
    this.#rowsOnDisk += rows.length;
    const bytes = Buffer.from(rows.map((row) => `${JSON.stringify([row.at, row.text])}\n`).join(""));
    try {
      this.#file ??= await this.#openFile();
      await this.#file.write(bytes, 0, bytes.length, this.#written);
      this.#written += bytes.length;
    } catch {
      // the disk is full or broken: what is in the memory stays there, and the log is cut
      this.#rowsOnDisk -= rows.length;
      this.#staging = [...rows, ...this.#staging];
      this.#addCut(rows.at(-1)?.at ?? 0);
    }
  }

  async #openFile(): Promise<FileHandle> {
    await mkdir(dirname(this.#options.file), { recursive: true, mode: 0o700 });
    return await open(this.#options.file, "w+", 0o600);
  }

  #addCut(at: number): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#staging.push({ at, text: CUT_ROW });
    this.#end += 1;
  }

  /** Moves the oldest rows to the head: from the file, or straight from the staging when the file is used up. */
  async #refill(): Promise<void> {
    while (this.#rowsOnDisk > 0 && this.#headBytes < this.#options.memoryBytes / 2) {
      if (!(await this.#readChunk())) return;
    }
    if (this.#rowsOnDisk > 0) return;
    await this.#file?.truncate(0);
    this.#written = 0;
    this.#consumed = 0;
    this.#cut = false;
    this.#addToHead(this.#staging);
    this.#staging = [];
    this.#stagingBytes = 0;
  }

  /** Reads whole lines; a line longer than the chunk makes the chunk grow. False when nothing could be read. */
  async #readChunk(): Promise<boolean> {
    for (let size = READ_CHUNK_BYTES; ; size *= 2) {
      const buffer = Buffer.alloc(Math.min(size, this.#written - this.#consumed));
      const { bytesRead } = (await this.#file?.read(buffer, 0, buffer.length, this.#consumed)) ?? { bytesRead: 0 };
      if (bytesRead === 0) return false;
      const end = buffer.lastIndexOf(0x0a, bytesRead - 1);
      if (end < 0) continue;
      const rows = buffer
        .toString("utf8", 0, end)
        .split("\n")
        .map((line): SpooledRow => {
          const [at, text] = JSON.parse(line) as [number, string];
          return { at, text };
        });
      this.#consumed += end + 1;
      this.#rowsOnDisk -= rows.length;
      this.#addToHead(rows);
      return true;
    }
  }

  #addToHead(rows: readonly SpooledRow[]): void {
    for (const row of rows) {
      this.#head.push(row);
      this.#headBytes += row.text.length + ROW_OVERHEAD_BYTES;
    }
  }
}
