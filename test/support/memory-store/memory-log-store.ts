import { type LogRow, type LogRows, sliceRows, unpackRows } from "../../../src/server/domain/log-rows.ts";
import { packRows } from "../../../src/server/domain/log-rows-builder.ts";
import type { LogMatch, LogQuery, LogState, LogStore, SearchStep } from "../../../src/server/storage/log-store.ts";
import { ChangeListeners } from "../../../src/server/storage/logs/change-listeners.ts";
import { logLines } from "../../../src/server/storage/logs/log-lines.ts";
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

  async state(taskId: number): Promise<LogState> {
    await this.#pause?.("read");
    const { rows, finished, expired } = this.#database.logs.get(taskId) ?? {
      rows: [],
      finished: false,
      expired: false,
    };
    const bytes = rows.reduce((sum, { content }) => sum + Buffer.byteLength(content) + 1, 0);
    return { rows: rows.length, bytes, finished, expired, capped: false };
  }

  async append(taskId: number, index: number, rows: LogRows): Promise<number> {
    await this.#pause?.("append");
    const log = this.#log(taskId);
    const length = log.rows.length;
    if (!log.finished && index <= length) {
      for (const row of unpackRows(sliceRows(rows, length - index))) log.rows.push(row);
    }
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

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    await this.#pause?.("read");
    return this.#database.logs.get(taskId)?.rows.slice(from, from + limit) ?? [];
  }

  async text(taskId: number, from: number, limit: number): Promise<{ rows: number; text: Uint8Array }> {
    const rows = packRows(await this.read(taskId, from, limit));
    return { rows: rows.count, text: logLines(rows) };
  }

  async *search(
    taskId: number,
    { text, ignoreCase }: LogQuery,
    { from = 0, limit, signal }: { from?: number; limit: number; signal: AbortSignal },
  ): AsyncGenerator<SearchStep> {
    const inCase = (given: string) => (ignoreCase ? given.toLowerCase() : given);
    const rows = await this.read(taskId, from, Number.POSITIVE_INFINITY);
    if (signal.aborted) return;
    const matches = rows.flatMap(({ time, content }, i): LogMatch[] => {
      const column = inCase(content).indexOf(inCase(text));
      return column < 0 ? [] : [{ row: from + i, time, column, content }];
    });
    yield { matches: matches.slice(0, limit), nextRow: from + rows.length };
  }

  /** There is no clock here: a log is as old as its last row. */
  async deleteExpired(before: number, limit: number): Promise<number> {
    await this.#pause?.("append");
    const old = [...this.#database.logs.values()].filter(
      ({ rows, expired }) => !expired && (rows.at(-1)?.time ?? 0) < before,
    );
    for (const log of old.slice(0, limit)) Object.assign(log, { rows: [], finished: true, expired: true });
    return Math.min(old.length, limit);
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    await this.#pause?.("append");
    for (const taskId of taskIds) this.#database.logs.delete(taskId);
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  #log(taskId: number): { rows: LogRow[]; finished: boolean; expired: boolean } {
    let log = this.#database.logs.get(taskId);
    if (log === undefined) {
      log = { rows: [], finished: false, expired: false };
      this.#database.logs.set(taskId, log);
    }
    return log;
  }
}
