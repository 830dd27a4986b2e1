import { join } from "node:path";
import type { LogRow, LogStore } from "../log-store.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { prepareLogFile } from "./log-file.ts";
import { LogThread } from "./log-thread.ts";
import { toSegments } from "./segment-codec.ts";

/** Most rows in one request to the reader, so that a long read does not keep short ones waiting. */
const READ_ROWS = 4096;

/**
 * Logs in a SQLite file of their own, `<dataDir>/logs.db`, written by one thread and read by another, so that neither
 * compression nor fsync stalls the event loop. Rows that wait while the writer is busy share the next commit.
 */
export class EmbeddedLogStore implements LogStore, AsyncDisposable {
  readonly #writer: LogThread;
  readonly #reader: LogThread;
  readonly #listeners = new ChangeListeners();

  /** Opens or creates the file. @throws AppError unavailable when it cannot be opened */
  constructor(dataDir: string) {
    const path = join(dataDir, "logs.db");
    const unfinished = prepareLogFile(path);
    this.#writer = new LogThread({ path, role: "writer" });
    this.#reader = new LogThread({ path, role: "reader" });
    if (unfinished) this.#writer.start();
  }

  length(taskId: number): Promise<number> {
    return this.#reader.call("length", { taskId });
  }

  async append(taskId: number, index: number, rows: readonly LogRow[]): Promise<number> {
    if (rows.length === 0) return this.length(taskId);
    const segments = toSegments(index, rows);
    const length = await this.#writer.call("append", { taskId, segments });
    if (length > index) this.#listeners.notify(taskId);
    return length;
  }

  async finish(taskId: number): Promise<void> {
    await this.#writer.call("finish", { taskId });
    this.#listeners.notify(taskId);
  }

  finished(taskId: number): Promise<boolean> {
    return this.#reader.call("finished", { taskId });
  }

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    const rows: LogRow[] = [];
    while (rows.length < limit) {
      const piece = Math.min(READ_ROWS, limit - rows.length);
      const { times, contents } = await this.#reader.call("read", { taskId, from: from + rows.length, limit: piece });
      for (const [i, time] of times.entries()) rows.push({ time, content: contents[i] ?? "" });
      if (times.length < piece) break;
    }
    return rows;
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    if (taskIds.length > 0) await this.#writer.call("delete", { taskIds });
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
    await this.#writer[Symbol.asyncDispose]();
  }
}
