import type { SqliteConnection, SqliteStatement } from "../sqlite-driver.ts";
import { addRows, type GrowingLog } from "./add-rows.ts";
import type { LogCalls, LogRequest } from "./log-messages.ts";
import { PLACE } from "./log-place.ts";
import { packSearchable } from "./segment-codec.ts";

/** Logs whose state is kept in memory. */
const CACHED_LOGS = 10_000;
/** Segments that are deleted in one step: bounds how long the writer is busy with it. */
const SWEEP_SEGMENTS = 1_000;

interface CachedLog extends GrowingLog {
  finished: boolean;
}

/** Stores log rows in `logs.db`. Runs in the writer thread; knows no threads itself. */
export class LogWriter {
  readonly #db: SqliteConnection;
  readonly #largestLog: number;
  readonly #states = new Map<number, CachedLog>();
  readonly #statements: Statements;
  /** Logs that lie in their blob, whose segments are still to be deleted. */
  readonly #sweeping: number[];

  /** @param largestLog bytes a log may have */
  constructor(db: SqliteConnection, largestLog: number) {
    this.#db = db;
    this.#largestLog = largestLog;
    this.#statements = prepare(db);
    const left = db.prepare(`SELECT task_id FROM log WHERE place = ${PLACE.sweeping}`).all();
    this.#sweeping = left.map((row) => Number(row["task_id"]));
  }

  /** Applies the requests in one transaction and returns their answers; when it throws, none of them counts. */
  commit(requests: readonly LogRequest[]): unknown[] {
    try {
      return this.#inTransaction(() => requests.map((request) => this.#apply(request)));
    } catch (error) {
      this.#states.clear();
      throw error;
    }
  }

  /** Deletes some segments that are in a blob by now; false when there is nothing left to do. */
  sweepSome(): boolean {
    const taskId = this.#sweeping[0];
    if (taskId === undefined) return false;
    this.#inTransaction(() => {
      const { deleteSome, swept } = this.#statements;
      if (deleteSome.run(taskId, taskId, SWEEP_SEGMENTS).changes === SWEEP_SEGMENTS) return;
      swept.run(taskId);
      this.#sweeping.shift();
    });
    return true;
  }

  #inTransaction<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #apply(request: LogRequest): unknown {
    switch (request.kind) {
      case "append":
        return this.#append(request);
      case "finish":
        this.#statements.finish.run(request.taskId, request.now);
        this.#state(request.taskId).finished = true;
        return null;
      case "delete":
        for (const taskId of request.taskIds) this.#delete(taskId);
        return null;
      case "moved":
        return this.#moved(request.taskId);
      case "expire":
        for (const taskId of request.taskIds) this.#expire(taskId, request.before);
        return null;
      default:
        throw new Error(`the log writer was asked for ${request.kind}`);
    }
  }

  #append(request: LogCalls["append"]["ask"]): LogCalls["append"]["answer"] {
    const { taskId, index, rows, now } = request;
    const state = this.#state(taskId);
    const { acked, segments } = addRows(state, index, rows, this.#largestLog);
    for (const { firstRow, rows: piece } of segments) {
      this.#statements.insertSegment.run(taskId, firstRow, piece.count, packSearchable(piece));
    }
    if (segments.length > 0) {
      this.#statements.grow.run(taskId, state.rows, state.bytes, state.capped ? 1 : 0, now);
    }
    return { acked, grown: segments.length > 0 };
  }

  #moved(taskId: number): boolean {
    if (this.#statements.moved.run(taskId).changes === 0) return false;
    this.#sweeping.push(taskId);
    return true;
  }

  #expire(taskId: number, before: number): void {
    if (this.#statements.expire.run(taskId, before).changes === 0) return;
    this.#statements.deleteSegments.run(taskId);
    this.#states.delete(taskId);
  }

  #delete(taskId: number): void {
    this.#statements.deleteSegments.run(taskId);
    this.#statements.deleteLog.run(taskId);
    this.#states.delete(taskId);
  }

  /** The state of a log, from memory where it is there; the oldest entry makes room. */
  #state(taskId: number): CachedLog {
    const known = this.#states.get(taskId);
    if (known !== undefined) return known;
    const row = this.#statements.select.get(taskId);
    const state = {
      rows: Number(row?.["row_count"] ?? 0),
      bytes: Number(row?.["byte_count"] ?? 0),
      finished: row?.["finished"] === 1,
      capped: row?.["capped"] === 1,
    };
    for (const oldest of this.#states.keys()) {
      if (this.#states.size < CACHED_LOGS) break;
      this.#states.delete(oldest);
    }
    this.#states.set(taskId, state);
    return state;
  }
}

type Statements = Readonly<Record<keyof ReturnType<typeof statementTexts>, SqliteStatement>>;

function prepare(db: SqliteConnection): Statements {
  const entries = Object.entries(statementTexts()).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}

function statementTexts() {
  const insert = "INSERT INTO log (task_id, row_count, byte_count, finished, capped, place, updated_at)";
  const conflict = "ON CONFLICT (task_id) DO UPDATE SET";
  return {
    select: "SELECT * FROM log WHERE task_id = ?",
    insertSegment: "INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES (?, ?, ?, ?)",
    grow: `${insert} VALUES (?, ?, ?, 0, ?, 0, ?) ${conflict} row_count = excluded.row_count,
      byte_count = excluded.byte_count, capped = excluded.capped, updated_at = excluded.updated_at`,
    finish: `${insert} VALUES (?, 0, 0, 1, 0, 0, ?)
      ${conflict} finished = 1, updated_at = excluded.updated_at WHERE finished = 0`,
    moved: `UPDATE log SET place = ${PLACE.sweeping} WHERE task_id = ? AND finished = 1 AND place = ${PLACE.segments}`,
    deleteSome: `DELETE FROM log_segment WHERE task_id = ? AND first_row IN
      (SELECT first_row FROM log_segment WHERE task_id = ? LIMIT ?)`,
    swept: `UPDATE log SET place = ${PLACE.blob} WHERE task_id = ? AND place = ${PLACE.sweeping}`,
    expire: `UPDATE log SET place = ${PLACE.expired}, finished = 1 WHERE task_id = ? AND updated_at < ?`,
    deleteSegments: "DELETE FROM log_segment WHERE task_id = ?",
    deleteLog: "DELETE FROM log WHERE task_id = ?",
  } as const;
}
