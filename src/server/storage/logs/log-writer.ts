import type { SqliteConnection, SqliteStatement } from "../sqlite-driver.ts";
import { LogCompactor } from "./log-compactor.ts";
import type { LogRequest } from "./log-messages.ts";
import { beyond, pack, type Segment } from "./segment-codec.ts";

/** Logs whose length is kept in memory. */
const CACHED_LOGS = 10_000;

interface LogState {
  length: number;
  finished: boolean;
}

/** Stores log rows in `logs.db`. Runs in the writer thread; knows no threads itself. */
export class LogWriter {
  readonly #db: SqliteConnection;
  readonly #compactor: LogCompactor;
  readonly #states = new Map<number, LogState>();
  readonly #insertSegment: SqliteStatement;
  readonly #selectEnd: SqliteStatement;
  readonly #selectFinished: SqliteStatement;
  readonly #setFinished: SqliteStatement;
  readonly #deletes: readonly SqliteStatement[];

  constructor(db: SqliteConnection) {
    this.#db = db;
    this.#compactor = new LogCompactor(db);
    this.#insertSegment = db.prepare(
      "INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES (?, ?, ?, ?)",
    );
    this.#selectEnd = db.prepare(
      "SELECT first_row + row_count AS length FROM log_segment WHERE task_id = ? ORDER BY first_row DESC LIMIT 1",
    );
    this.#selectFinished = db.prepare("SELECT finished FROM log WHERE task_id = ?");
    this.#setFinished = db.prepare(
      "INSERT INTO log (task_id, finished, compacted) VALUES (?, 1, 0) ON CONFLICT (task_id) DO UPDATE SET finished = 1",
    );
    this.#deletes = [
      db.prepare("DELETE FROM log_segment WHERE task_id = ?"),
      db.prepare("DELETE FROM log WHERE task_id = ?"),
    ];
  }

  /** Applies the requests in one transaction and returns their answers; when it throws, none of them counts. */
  commit(requests: readonly LogRequest[]): unknown[] {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const answers = requests.map((request) => this.#apply(request));
      this.#db.exec("COMMIT");
      return answers;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      this.#states.clear();
      throw error;
    }
  }

  /** Merges some segments of a finished log; false when there is nothing left to merge. */
  compactSome(): boolean {
    return this.#compactor.step();
  }

  #apply(request: LogRequest): unknown {
    switch (request.kind) {
      case "append":
        return this.#append(request.taskId, request.segments);
      case "finish":
        this.#setFinished.run(request.taskId);
        this.#state(request.taskId).finished = true;
        this.#compactor.add(request.taskId);
        return null;
      case "delete":
        for (const taskId of request.taskIds) this.#delete(taskId);
        return null;
      default:
        throw new Error(`the log writer was asked for ${request.kind}`);
    }
  }

  #append(taskId: number, segments: readonly Segment[]): number {
    const state = this.#state(taskId);
    if (state.finished) return state.length;
    for (const segment of segments) {
      const fresh = beyond(segment, state.length);
      if (fresh === undefined) continue;
      if (fresh.firstRow > state.length) break;
      this.#insertSegment.run(taskId, fresh.firstRow, fresh.rowCount, pack(fresh.text));
      state.length += fresh.rowCount;
    }
    return state.length;
  }

  #delete(taskId: number): void {
    for (const statement of this.#deletes) statement.run(taskId);
    this.#states.delete(taskId);
  }

  /** The state of a log, from memory where it is there; the oldest entry makes room. */
  #state(taskId: number): LogState {
    const known = this.#states.get(taskId);
    if (known !== undefined) return known;
    const state = {
      length: Number(this.#selectEnd.get(taskId)?.["length"] ?? 0),
      finished: this.#selectFinished.get(taskId)?.["finished"] === 1,
    };
    for (const oldest of this.#states.keys()) {
      if (this.#states.size < CACHED_LOGS) break;
      this.#states.delete(oldest);
    }
    this.#states.set(taskId, state);
    return state;
  }
}
