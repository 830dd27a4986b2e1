import { join } from "node:path";
import type { BlobPlace, BlobStore } from "../../../lib/blobs/blob-store.ts";
import { openBlobStore } from "../../../lib/blobs/open-blob-store.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { type LogRow, type LogRows, unpackRows } from "../../domain/log-rows.ts";
import type { LogQuery, LogState, LogStore, SearchStep } from "../log-store.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { logBlobKey } from "./log-blob.ts";
import { prepareLogFile } from "./log-file.ts";
import type { SourceRange } from "./log-messages.ts";
import { LogMover } from "./log-mover.ts";
import { LogReaders } from "./log-readers.ts";
import { LogThread } from "./log-thread.ts";
import { searchLog } from "./search-log.ts";
import { isInBlob } from "./stored-log.ts";

/** Rows that are merged at once: those of two segments, or of some more where rows are long. */
const MERGE_ROWS = 65_536;

/** What an embedded log store is made of. */
export interface EmbeddedLogOptions {
  readonly dataDir: string;
  /** Where finished logs go. */
  readonly blobs: BlobPlace;
  /** Bytes a log may have. */
  readonly largestLog: number;
  /** Threads that read. */
  readonly readers: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Logs that grow are in a SQLite file of their own, `<dataDir>/logs.db`, written by one thread and read by others, so
 * that neither compression nor fsync nor a search stalls the event loop. Rows that wait while the writer is busy share
 * the next commit. Finished logs move to the blob store.
 */
export class EmbeddedLogStore implements LogStore, AsyncDisposable {
  readonly #clock: Clock;
  readonly #writer: LogThread;
  readonly #readers: LogReaders;
  readonly #blobs: BlobStore;
  readonly #mover: LogMover;
  readonly #listeners = new ChangeListeners();

  /** Opens or creates the file. @throws AppError unavailable when it cannot be opened */
  constructor({ dataDir, blobs, largestLog, readers, clock, logger }: EmbeddedLogOptions) {
    const path = join(dataDir, "logs.db");
    const undone = prepareLogFile(path);
    const options = { path, blobs, largestLog };
    this.#clock = clock;
    this.#writer = new LogThread({ ...options, role: "writer" });
    this.#readers = new LogReaders(readers, options);
    this.#blobs = openBlobStore(blobs);
    // It deletes what a move has left.
    if (undone) this.#writer.start();
    const logs = this.#movable();
    this.#mover = new LogMover({ logs, blobs: this.#blobs, clock, logger, wait: !undone, shared: false });
  }

  state(taskId: number): Promise<LogState> {
    return this.#readers.call("state", { taskId });
  }

  async append(taskId: number, index: number, rows: LogRows): Promise<number> {
    const times = rows.times.slice();
    const text = new Uint8Array(rows.text);
    const ask = { taskId, index, rows: { count: rows.count, times, text }, now: this.#clock.now() };
    const { acked, grown } = await this.#writer.call("append", ask, [times.buffer, text.buffer]);
    if (grown) this.#listeners.notify(taskId);
    return acked;
  }

  async finish(taskId: number): Promise<void> {
    await this.#writer.call("finish", { taskId, now: this.#clock.now() });
    this.#listeners.notify(taskId);
    this.#mover.notify();
  }

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    const found: LogRow[] = [];
    for (let next = from; next < from + limit; next = from + found.length) {
      const rows = await this.#readers.call("rows", embedded(taskId, next, from + limit));
      if (rows.count === 0) break;
      for (const row of unpackRows(rows)) found.push(row);
    }
    return found;
  }

  text(taskId: number, from: number, limit: number): Promise<{ rows: number; text: Uint8Array }> {
    return this.#readers.call("text", embedded(taskId, from, from + limit));
  }

  async *search(
    taskId: number,
    query: LogQuery,
    { from = 0, limit, signal }: { from?: number; limit: number; signal: AbortSignal },
  ): AsyncGenerator<SearchStep> {
    const scan = (first: number, to: number) =>
      this.#readers.call("scan", { ...embedded(taskId, first, to), query, limit });
    yield* searchLog(await this.state(taskId), scan, { from, atOnce: this.#readers.count, signal });
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    if (taskIds.length === 0) return;
    await this.#writer.call("delete", { taskIds });
    await this.#blobs.delete(taskIds.map(logBlobKey));
  }

  async deleteExpired(before: number, limit: number): Promise<number> {
    const taskIds = await this.#readers.call("old", { before, limit });
    // First the blobs: what a crash leaves is found again by its row.
    await this.#blobs.delete(taskIds.map(logBlobKey));
    if (taskIds.length > 0) await this.#writer.call("expire", { taskIds, before });
    return taskIds.length;
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mover[Symbol.asyncDispose]();
    await this.#readers[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }

  #movable() {
    return {
      unmoved: (limit: number) => this.#readers.call("unmoved", { limit }),
      merge: (taskId: number, from: number) => this.#readers.call("merge", embedded(taskId, from, from + MERGE_ROWS)),
      moved: (taskId: number) => this.#writer.call("moved", { taskId }),
      inBlob: async (taskId: number) => isInBlob(await this.#readers.call("state", { taskId })),
    };
  }
}

function embedded(taskId: number, from: number, to: number): SourceRange {
  return { source: { kind: "embedded", taskId }, from, to };
}
