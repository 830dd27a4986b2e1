import type { LogRow } from "../log-store.ts";
import type { SqliteConnection, SqliteStatement } from "../sqlite-driver.ts";
import { decodeRows, pack, SEGMENT_ROWS, toSegments, unpack } from "./segment-codec.ts";

/** Most segments in one step: bounds how long the writer is busy with it. */
const STEP_SEGMENTS = 256;

/** A log whose segments have at least this many rows on average is left as it is. */
const WELL_FILLED_ROWS = SEGMENT_ROWS / 4;

interface Work {
  readonly taskId: number;
  /** First row that is not merged yet. */
  from: number;
}

/**
 * Merges the many small segments of a finished log into few large ones. Each step is one transaction, so that a crash
 * leaves a readable log, and a log that was not done is found again by its flag.
 */
export class LogCompactor {
  readonly #db: SqliteConnection;
  readonly #queue: Work[];
  readonly #fill: SqliteStatement;
  readonly #select: SqliteStatement;
  readonly #delete: SqliteStatement;
  readonly #insert: SqliteStatement;
  readonly #done: SqliteStatement;

  constructor(db: SqliteConnection) {
    this.#db = db;
    this.#fill = db.prepare(
      "SELECT COUNT(*) AS segments, COALESCE(SUM(row_count), 0) AS total FROM log_segment WHERE task_id = ?",
    );
    this.#select = db.prepare(
      "SELECT first_row, data FROM log_segment WHERE task_id = ? AND first_row >= ? ORDER BY first_row LIMIT ?",
    );
    this.#delete = db.prepare("DELETE FROM log_segment WHERE task_id = ? AND first_row BETWEEN ? AND ?");
    this.#insert = db.prepare("INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES (?, ?, ?, ?)");
    this.#done = db.prepare("UPDATE log SET compacted = 1 WHERE task_id = ?");
    const open = db.prepare("SELECT task_id FROM log WHERE compacted = 0 AND finished = 1").all();
    this.#queue = open.map((row) => ({ taskId: Number(row["task_id"]), from: 0 }));
  }

  /** Takes up a log that was finished. */
  add(taskId: number): void {
    this.#queue.push({ taskId, from: 0 });
  }

  /** Does a bounded piece of work; false when there was none. */
  step(): boolean {
    const work = this.#queue[0];
    if (work === undefined) return false;
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      if (!this.#mergeSome(work)) {
        this.#done.run(work.taskId);
        this.#queue.shift();
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      this.#queue.shift();
      throw error;
    }
    return true;
  }

  /** Merges the next segments of a log; false when it is done. */
  #mergeSome(work: Work): boolean {
    const fill = this.#fill.get(work.taskId);
    if (Number(fill?.["segments"]) <= Math.ceil(Number(fill?.["total"]) / WELL_FILLED_ROWS)) return false;
    const found = this.#select.all(work.taskId, work.from, STEP_SEGMENTS);
    if (found.length < 2) return false;
    const rows: LogRow[] = [];
    for (const { data } of found) for (const row of decodeRows(unpack(data as Uint8Array))) rows.push(row);
    const first = Number(found[0]?.["first_row"]);
    const merged = toSegments(first, rows);
    if (merged.length < found.length) {
      this.#delete.run(work.taskId, first, Number(found.at(-1)?.["first_row"]));
      for (const { firstRow, rowCount, text } of merged) this.#insert.run(work.taskId, firstRow, rowCount, pack(text));
    }
    // The last one may have room for what follows.
    const last = merged.at(-1)?.firstRow ?? first;
    work.from = last === work.from && merged.length >= found.length ? first + rows.length : last;
    return found.length === STEP_SEGMENTS;
  }
}
