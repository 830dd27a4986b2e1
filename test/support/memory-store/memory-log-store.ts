import type { LogRow, LogStore } from "../../../src/server/storage/log-store.ts";
import { ChangeListeners } from "../../../src/server/storage/logs/change-listeners.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import type { Pause } from "./memory-view.ts";

/** Logs in memory. */
export class MemoryLogStore implements LogStore {
  readonly #database: MemoryDatabase;
  readonly #pause: Pause | undefined;
  readonly #listeners = new ChangeListeners();

  constructor(database: MemoryDatabase, pause: Pause | undefined) {
    this.#database = database;
    this.#pause = pause;
  }

  async length(taskId: number): Promise<number> {
    await this.#pause?.("read");
    return this.#database.logs.get(taskId)?.rows.length ?? 0;
  }

  async append(taskId: number, index: number, rows: readonly LogRow[]): Promise<number> {
    await this.#pause?.("append");
    const log = this.#log(taskId);
    const length = log.rows.length;
    if (!log.finished && index <= length) for (const row of rows.slice(length - index)) log.rows.push(row);
    const stored = log.rows.length;
    if (stored > length) this.#listeners.notify(taskId);
    await this.#pause?.("appended");
    return stored;
  }

  async finish(taskId: number): Promise<void> {
    await this.#pause?.("append");
    this.#log(taskId).finished = true;
    this.#listeners.notify(taskId);
    await this.#pause?.("appended");
  }

  async finished(taskId: number): Promise<boolean> {
    await this.#pause?.("read");
    return this.#database.logs.get(taskId)?.finished ?? false;
  }

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    await this.#pause?.("read");
    return this.#database.logs.get(taskId)?.rows.slice(from, from + limit) ?? [];
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    await this.#pause?.("append");
    for (const taskId of taskIds) this.#database.logs.delete(taskId);
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  #log(taskId: number): { rows: LogRow[]; finished: boolean } {
    let log = this.#database.logs.get(taskId);
    if (log === undefined) {
      log = { rows: [], finished: false };
      this.#database.logs.set(taskId, log);
    }
    return log;
  }
}
