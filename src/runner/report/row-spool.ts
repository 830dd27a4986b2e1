import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Mutex } from "../../lib/mutex.ts";
import { type EncodedRows, RowChunk, roomFor, type SpooledRow } from "./row-chunk.ts";

/** Bounds of a spool. */
export interface RowSpoolOptions {
  /** File for what the memory does not hold; made, with its folder, when it is needed; removed at the end. */
  readonly file: string;
  /** @default 2 MiB */
  readonly memoryBytes?: number;
  /** Size the file may reach; rows beyond it are dropped, with a row that says so. @default 1 GiB */
  readonly diskBytes?: number;
}

/** Rows are kept, written and read in chunks of this size; a longer row has one of its own. */
const CHUNK_BYTES = 256 * 1024;
/** The first of a spool that is empty: most jobs say little at a time, and many may run. */
const FIRST_CHUNK_BYTES = 16 * 1024;
/** Buffers that are kept for later. */
const MOST_SPARE = 4;
const CUT_ROW = "##[warning]The log is cut here: the server was away for so long that the runner's buffer is full.";

/**
 * Keeps the rows that the server has not acknowledged, in order and numbered from 0.
 *
 * ```
 * push ─► [open chunk] ─► [chunk] [chunk] … ─► read … ack
 *                 └─► file ─► [chunk] ─┘            once the chunks in memory have reached their limit
 * ```
 */
export class RowSpool implements AsyncDisposable {
  readonly #options: Required<RowSpoolOptions>;
  readonly #chunkBytes: number;
  readonly #io = new Mutex();
  /** The oldest first; rows are added to the last. */
  readonly #chunks: RowChunk[] = [];
  /** Buffers of chunks that have gone, for the next ones. */
  readonly #spare: Buffer[] = [];
  #base = 0;
  #end = 0;
  #file: FileHandle | undefined;
  #fileEnd = 0;
  #cut = false;
  #disposed = false;

  constructor(options: RowSpoolOptions) {
    this.#options = { memoryBytes: 2 * 1024 * 1024, diskBytes: 1024 * 1024 * 1024, ...options };
    this.#chunkBytes = Math.min(CHUNK_BYTES, Math.ceil(this.#options.memoryBytes / 4));
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
    if (this.#cut) return;
    const room = roomFor(row);
    if (this.#chunks.at(-1)?.add(row, room) === true) {
      this.#end += 1;
      return;
    }
    const full = this.#chunks.at(-1);
    const spill = full !== undefined && this.#isMemoryFull();
    if (spill && this.#fileEnd + full.length > this.#options.diskBytes) {
      this.#addCut(row.at);
      return;
    }
    this.#addChunk(row, room);
    if (!spill) return;
    full.position = this.#fileEnd;
    this.#fileEnd += full.length;
    return this.#io.run(() => this.#write(full, row.at));
  }

  /**
   * The oldest rows that are not acknowledged, at most so many; at least one when there is one. Their bytes are valid
   * until they are acknowledged. @throws Error when the file cannot be read
   * @param limits `bytes`: of the message
   */
  async read(limits: { readonly rows: number; readonly bytes: number }): Promise<EncodedRows> {
    const parts: Uint8Array[] = [];
    let { rows, bytes } = limits;
    for (let index = 0; index < this.#chunks.length && rows > 0; index += 1) {
      const chunk = this.#chunks[index] as RowChunk;
      await this.#io.run(() => this.#load(chunk));
      const { count, part } = chunk.peek({ rows, bytes }, index === 0 ? 1 : 0);
      if (count > 0) parts.push(part);
      rows -= count;
      bytes -= part.length;
      if (count < chunk.rows) break;
    }
    return { count: limits.rows - rows, parts };
  }

  /** Drops the rows before this number; only rows that were read can be acknowledged. */
  ack(index: number): void {
    for (let chunk = this.#chunks[0]; chunk?.pinned && this.#base < index; chunk = this.#chunks[0]) {
      const count = Math.min(index - this.#base, chunk.rows);
      chunk.drop(count);
      this.#base += count;
      if (chunk.rows > 0) return;
      this.#chunks.shift();
      this.#release(chunk);
      this.#restart();
    }
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

  #isMemoryFull(): boolean {
    const bytes = this.#chunks.reduce((sum, chunk) => sum + (chunk.bytes?.length ?? 0), 0);
    return bytes >= this.#options.memoryBytes;
  }

  #addChunk(row: SpooledRow, room: number): void {
    const chunk = new RowChunk(this.#buffer(room));
    chunk.add(row, room);
    this.#chunks.push(chunk);
    this.#end += 1;
  }

  #addCut(at: number): void {
    if (this.#cut) return;
    this.#cut = true;
    const row = { at, text: CUT_ROW };
    this.#addChunk(row, roomFor(row));
  }

  #buffer(least: number): Buffer {
    if (least > this.#chunkBytes) return Buffer.allocUnsafeSlow(least);
    const size = this.#chunks.length === 0 ? Math.min(FIRST_CHUNK_BYTES, this.#chunkBytes) : this.#chunkBytes;
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(Math.max(least, size));
  }

  /** The chunk's buffer may be used for another chunk. */
  #release(chunk: RowChunk): void {
    const { bytes } = chunk;
    chunk.bytes = undefined;
    if (bytes?.length === this.#chunkBytes && this.#spare.length < MOST_SPARE) this.#spare.push(bytes);
  }

  /** Begins again with an empty file when nothing in it is needed any longer. */
  #restart(): void {
    if (this.#chunks.some((chunk) => chunk.position !== undefined)) return;
    if (this.#fileEnd > 0) this.#io.run(async () => await this.#file?.truncate(0)).catch(() => undefined);
    this.#fileEnd = 0;
    if (!this.#isMemoryFull()) this.#cut = false;
  }

  async #write(chunk: RowChunk, at: number): Promise<void> {
    const { bytes, position, length } = chunk;
    const needless = chunk.pinned || !this.#chunks.includes(chunk);
    if (bytes === undefined || position === undefined || needless || this.#disposed) return;
    try {
      this.#file ??= await this.#openFile();
      const { bytesWritten } = await this.#file.write(bytes, 0, length, position);
      if (bytesWritten < length) throw new Error("the disk is full");
      this.#release(chunk);
    } catch {
      // the disk is full or broken: what is in the memory stays there, and the log is cut
      chunk.position = undefined;
      this.#addCut(at);
    }
  }

  async #load(chunk: RowChunk): Promise<void> {
    if (chunk.bytes === undefined) {
      const { length, position = 0 } = chunk;
      const bytes = this.#buffer(length);
      const { bytesRead } = (await this.#file?.read(bytes, 0, length, position)) ?? { bytesRead: 0 };
      if (bytesRead < length) throw new Error(`${this.#options.file} has lost rows: is its disk broken?`);
      chunk.bytes = bytes;
    }
    chunk.pinned = true;
  }

  async #openFile(): Promise<FileHandle> {
    await mkdir(dirname(this.#options.file), { recursive: true, mode: 0o700 });
    return await open(this.#options.file, "w+", 0o600);
  }
}
