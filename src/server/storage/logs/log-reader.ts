import type { SqliteConnection, SqliteStatement } from "../sqlite-driver.ts";
import type { LogCalls, LogRequest } from "./log-messages.ts";
import { decodeRows, unpack } from "./segment-codec.ts";

/** Reads log rows from `logs.db`. Runs in the reader thread; knows no threads itself. */
export class LogReader {
  readonly #selectEnd: SqliteStatement;
  readonly #selectFinished: SqliteStatement;
  readonly #selectRange: SqliteStatement;

  constructor(db: SqliteConnection) {
    this.#selectEnd = db.prepare(
      "SELECT first_row + row_count AS length FROM log_segment WHERE task_id = ? ORDER BY first_row DESC LIMIT 1",
    );
    this.#selectFinished = db.prepare("SELECT finished FROM log WHERE task_id = ?");
    this.#selectRange = db.prepare(
      `SELECT first_row, data FROM log_segment WHERE task_id = ? AND first_row < ? AND first_row >=
         (SELECT COALESCE(MAX(first_row), 0) FROM log_segment WHERE task_id = ? AND first_row <= ?)
       ORDER BY first_row`,
    );
  }

  /** Answers one request. */
  answer(request: LogRequest): unknown {
    switch (request.kind) {
      case "length":
        return Number(this.#selectEnd.get(request.taskId)?.["length"] ?? 0);
      case "finished":
        return this.#selectFinished.get(request.taskId)?.["finished"] === 1;
      case "read":
        return this.#read(request.taskId, request.from, request.limit);
      default:
        throw new Error(`the log reader was asked for ${request.kind}`);
    }
  }

  #read(taskId: number, from: number, limit: number): LogCalls["read"]["answer"] {
    const times: number[] = [];
    const contents: string[] = [];
    const end = from + limit;
    for (const segment of this.#selectRange.all(taskId, end, taskId, from)) {
      const first = Number(segment["first_row"]);
      for (const [i, row] of decodeRows(unpack(segment["data"] as Uint8Array)).entries()) {
        if (first + i < from || first + i >= end) continue;
        times.push(row.time);
        contents.push(row.content);
      }
    }
    return { times, contents };
  }
}
