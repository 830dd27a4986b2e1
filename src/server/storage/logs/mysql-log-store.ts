import { keepExisting, placeholders } from "../dialect.ts";
import type { LogRow, LogStore } from "../log-store.ts";
import type { Session } from "../session.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { beyond } from "./log-writer.ts";
import { decodeRows, pack, toSegments, unpack } from "./segment-codec.ts";

/** Most rows in one SELECT. */
const READ_ROWS = 4096;

/**
 * Logs in the shared MySQL database. The row of `log` is locked while its log grows: what its length says is the truth
 * for all replicas, and two that send the same rows store them once.
 */
export class MysqlLogStore implements LogStore {
  readonly #reader: Session;
  readonly #writer: { writeSession<T>(work: (session: Session) => Promise<T>): Promise<T> };
  readonly #listeners = new ChangeListeners();

  constructor(reader: Session, writer: { writeSession<T>(work: (session: Session) => Promise<T>): Promise<T> }) {
    this.#reader = reader;
    this.#writer = writer;
  }

  async length(taskId: number): Promise<number> {
    const rows = await this.#reader.rows("SELECT row_count FROM log WHERE task_id = ?", [taskId]);
    return Number(rows[0]?.["row_count"] ?? 0);
  }

  async append(taskId: number, index: number, rows: readonly LogRow[]): Promise<number> {
    if (rows.length === 0) return this.length(taskId);
    const segments = toSegments(index, rows);
    const { before, after } = await this.#writer.writeSession(async (session) => {
      const { length, finished } = await lockLog(session, taskId);
      let next = length;
      for (const segment of finished ? [] : segments) {
        const fresh = beyond(segment, next);
        if (fresh === undefined) continue;
        if (fresh.firstRow > next) break;
        const sql = "INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES (?, ?, ?, ?)";
        await session.run(sql, [taskId, fresh.firstRow, fresh.rowCount, pack(fresh.text)]);
        next += fresh.rowCount;
      }
      if (next > length) await session.run("UPDATE log SET row_count = ? WHERE task_id = ?", [next, taskId]);
      return { before: length, after: next };
    });
    if (after > before) this.#listeners.notify(taskId);
    return after;
  }

  async finish(taskId: number): Promise<void> {
    await this.#writer.writeSession(async (session) => {
      const { finished } = await lockLog(session, taskId);
      if (finished) return;
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

/** Locks the log's row, making it where it is missing. */
async function lockLog(session: Session, taskId: number): Promise<{ length: number; finished: boolean }> {
  const select = "SELECT row_count, finished FROM log WHERE task_id = ? FOR UPDATE";
  let rows = await session.rows(select, [taskId]);
  if (rows.length === 0) {
    const keep = keepExisting(session.dialect, "task_id");
    await session.run(`INSERT INTO log (task_id, row_count, finished) VALUES (?, 0, 0)${keep}`, [taskId]);
    rows = await session.rows(select, [taskId]);
  }
  return { length: Number(rows[0]?.["row_count"] ?? 0), finished: Number(rows[0]?.["finished"] ?? 0) === 1 };
}
