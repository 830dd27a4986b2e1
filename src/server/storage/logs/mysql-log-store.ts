import { placeholders } from "../dialect.ts";
import type { LogRow, LogStore } from "../log-store.ts";
import type { Session } from "../session.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { lockLogs, MysqlLogAppender, type SessionWriter } from "./mysql-log-appender.ts";
import { decodeRows, toSegments, unpack } from "./segment-codec.ts";

/** Most rows in one SELECT. */
const READ_ROWS = 4096;

/**
 * Logs in the shared MySQL database. The row of `log` is locked while its log grows: what its length says is the truth
 * for all replicas, and two that send the same rows store them once.
 */
export class MysqlLogStore implements LogStore {
  readonly #reader: Session;
  readonly #writer: SessionWriter;
  readonly #appender: MysqlLogAppender;
  readonly #listeners = new ChangeListeners();

  constructor(reader: Session, writer: SessionWriter) {
    this.#reader = reader;
    this.#writer = writer;
    this.#appender = new MysqlLogAppender(writer);
  }

  async length(taskId: number): Promise<number> {
    const rows = await this.#reader.rows("SELECT row_count FROM log WHERE task_id = ?", [taskId]);
    return Number(rows[0]?.["row_count"] ?? 0);
  }

  async append(taskId: number, index: number, rows: readonly LogRow[]): Promise<number> {
    if (rows.length === 0) return this.length(taskId);
    const { before, after } = await this.#appender.append(taskId, toSegments(index, rows));
    if (after > before) this.#listeners.notify(taskId);
    return after;
  }

  async finish(taskId: number): Promise<void> {
    await this.#writer.writeSession(async (session) => {
      await lockLogs(session, [taskId]);
      await session.run("UPDATE log SET finished = 1 WHERE task_id = ?", [taskId]);
    });
    this.#listeners.notify(taskId);
  }

  async finished(taskId: number): Promise<boolean> {
    const rows = await this.#reader.rows("SELECT finished FROM log WHERE task_id = ?", [taskId]);
    return Number(rows[0]?.["finished"] ?? 0) === 1;
  }

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    const rows: LogRow[] = [];
    while (rows.length < limit) {
      const piece = Math.min(READ_ROWS, limit - rows.length);
      const found = await this.#readPiece(taskId, from + rows.length, piece);
      for (const row of found) rows.push(row);
      if (found.length < piece) break;
    }
    return rows;
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    if (taskIds.length === 0) return;
    await this.#writer.writeSession(async (session) => {
      const list = placeholders(taskIds.length);
      await session.run(`DELETE FROM log WHERE task_id IN ${list}`, [...taskIds]);
      await session.run(`DELETE FROM log_segment WHERE task_id IN ${list}`, [...taskIds]);
    });
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  async #readPiece(taskId: number, from: number, limit: number): Promise<LogRow[]> {
    const end = from + limit;
    const segments = await this.#reader.rows(
      `SELECT first_row, data FROM log_segment WHERE task_id = ? AND first_row < ? AND first_row >=
         (SELECT COALESCE(MAX(first_row), 0) FROM log_segment WHERE task_id = ? AND first_row <= ?)
       ORDER BY first_row`,
      [taskId, end, taskId, from],
    );
    return segments.flatMap((segment) => {
      const first = Number(segment["first_row"]);
      const rows = decodeRows(unpack(segment["data"] as Uint8Array));
      return rows.slice(Math.max(0, from - first), Math.max(0, end - first));
    });
  }
}
