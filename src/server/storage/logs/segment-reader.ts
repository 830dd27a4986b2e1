import type { SqliteConnection, SqliteStatement } from "../sqlite-driver.ts";
import type { PlacedSegment } from "./log-blob.ts";
import type { StoredLog } from "./log-messages.ts";
import { PLACE } from "./log-place.ts";
import { storedLog } from "./stored-log.ts";

/** Segments that are read at once: most are small. */
const BATCH_SEGMENTS = 128;

/** Reads states and segments from `logs.db`. */
export class SegmentReader {
  readonly #db: SqliteConnection;
  readonly #selectState: SqliteStatement;
  readonly #selectRange: SqliteStatement;
  readonly #selectUnmoved: SqliteStatement;
  readonly #selectOld: SqliteStatement;

  constructor(db: SqliteConnection) {
    this.#db = db;
    this.#selectState = db.prepare("SELECT * FROM log WHERE task_id = ?");
    this.#selectRange = db.prepare(
      `SELECT first_row, row_count, data FROM log_segment WHERE task_id = ? AND first_row < ? AND first_row >=
         (SELECT COALESCE(MAX(first_row), 0) FROM log_segment WHERE task_id = ? AND first_row <= ?)
       ORDER BY first_row LIMIT ${BATCH_SEGMENTS}`,
    );
    this.#selectUnmoved = db.prepare(
      `SELECT task_id FROM log WHERE finished = 1 AND place = ${PLACE.segments} ORDER BY task_id LIMIT ?`,
    );
    this.#selectOld = db.prepare(
      `SELECT task_id FROM log WHERE updated_at < ? AND place <> ${PLACE.expired} ORDER BY task_id LIMIT ?`,
    );
  }

  /** How a log stands. */
  state(taskId: number): StoredLog {
    return storedLog(this.#selectState.get(taskId));
  }

  /** The first segments that hold rows in `[from, to)`; `in-blob` when the log has moved. */
  segments(taskId: number, from: number, to: number): PlacedSegment[] | "in-blob" {
    // One snapshot: the segments go soon after the place has changed.
    this.#db.exec("BEGIN");
    try {
      const place = this.#selectState.get(taskId)?.["place"];
      if (place === PLACE.blob || place === PLACE.sweeping) return "in-blob";
      if (place !== PLACE.segments) return [];
      const segments = this.#selectRange.all(taskId, to, taskId, from).map((segment) => ({
        firstRow: Number(segment["first_row"]),
        rowCount: Number(segment["row_count"]),
        data: segment["data"] as Uint8Array,
      }));
      // Behind the end, the last segment of all is found.
      return segments.filter(({ firstRow, rowCount }) => firstRow + rowCount > from);
    } finally {
      this.#db.exec("COMMIT");
    }
  }

  /** Finished logs that have not moved. */
  unmoved(limit: number): number[] {
    return this.#selectUnmoved.all(limit).map((row) => Number(row["task_id"]));
  }

  /** Logs that nobody wrote to since `before`. */
  old(before: number, limit: number): number[] {
    return this.#selectOld.all(before, limit).map((row) => Number(row["task_id"]));
  }
}
