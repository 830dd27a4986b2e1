import type { BlobPlace, BlobStore } from "../../../lib/blobs/blob-store.ts";
import { openBlobStore } from "../../../lib/blobs/open-blob-store.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { type LogRow, type LogRows, unpackRows } from "../../domain/log-rows.ts";
import { placeholders } from "../dialect.ts";
import type { LogQuery, LogState, LogStore, SearchStep } from "../log-store.ts";
import type { Session } from "../session.ts";
import { ChangeListeners } from "./change-listeners.ts";
import { logBlobKey, type PlacedSegment } from "./log-blob.ts";
import type { SourceRange, StoredLog } from "./log-messages.ts";
import { LogMover } from "./log-mover.ts";
import { PLACE } from "./log-place.ts";
import { LogReaders } from "./log-readers.ts";
import { lockLogs, MysqlLogAppender, type SessionWriter } from "./mysql-log-appender.ts";
import { searchLog } from "./search-log.ts";
import { isInBlob, storedLog } from "./stored-log.ts";

/** Most segments in one SELECT: most are small, none is larger than 512 KiB before it is packed. */
const BATCH_SEGMENTS = 128;
/** Segments that one statement deletes. */
const SWEEP_SEGMENTS = 500;

/** What a log store in MySQL is made of. */
export interface MysqlLogOptions {
  readonly reader: Session;
  readonly writer: SessionWriter;
  /** Where finished logs go; null leaves them in the database. All replicas need the same place. */
  readonly blobs: BlobPlace | null;
  readonly largestLog: number;
  readonly readers: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Logs in the shared MySQL database. The row of `log` is locked while its log grows: what its length says is the truth
 * for all replicas, and two that send the same rows store them once.
 */
export class MysqlLogStore implements LogStore, AsyncDisposable {
  readonly #reader: Session;
  readonly #writer: SessionWriter;
  readonly #clock: Clock;
  readonly #appender: MysqlLogAppender;
  readonly #readers: LogReaders;
  readonly #blobs: BlobStore | undefined;
  readonly #mover: LogMover | undefined;
  readonly #listeners = new ChangeListeners();

  constructor({ reader, writer, blobs, largestLog, readers, clock, logger }: MysqlLogOptions) {
    this.#reader = reader;
    this.#writer = writer;
    this.#clock = clock;
    this.#appender = new MysqlLogAppender(writer, largestLog, clock);
    this.#readers = new LogReaders(readers, { path: null, blobs, largestLog });
    if (blobs === null) return;
    const store = openBlobStore(blobs);
    this.#blobs = store;
    this.#mover = new LogMover({ logs: this.#movable(), blobs: store, clock, logger, wait: false, shared: true });
  }

  state(taskId: number): Promise<LogState> {
    return this.#stored(taskId);
  }

  async append(taskId: number, index: number, rows: LogRows): Promise<number> {
    if (rows.count === 0) {
      const { rows: stored, capped } = await this.state(taskId);
      return capped ? index : stored;
    }
    const { acked, grown } = await this.#appender.append(taskId, index, rows);
    if (grown) this.#listeners.notify(taskId);
    return acked;
  }

  async finish(taskId: number): Promise<void> {
    await this.#writer.writeSession(async (session) => {
      await lockLogs(session, [taskId]);
      const sql = "UPDATE log SET finished = 1, updated_at = ? WHERE task_id = ? AND finished = 0";
      await session.run(sql, [this.#clock.now(), taskId]);
    });
    this.#listeners.notify(taskId);
    this.#mover?.notify();
  }

  async read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]> {
    const found: LogRow[] = [];
    for (let next = from; next < from + limit; next = from + found.length) {
      const rows = await this.#readers.call("rows", await this.#range(taskId, next, from + limit));
      if (rows.count === 0) break;
      for (const row of unpackRows(rows)) found.push(row);
    }
    return found;
  }

  async text(taskId: number, from: number, limit: number): Promise<{ rows: number; text: Uint8Array }> {
    return await this.#readers.call("text", await this.#range(taskId, from, from + limit));
  }

  async *search(
    taskId: number,
    query: LogQuery,
    { from = 0, limit, signal }: { from?: number; limit: number; signal: AbortSignal },
  ): AsyncGenerator<SearchStep> {
    const scan = async (first: number, to: number) => {
      const matches = [];
      for (let next = first; next < to && matches.length < limit; ) {
        const range = await this.#range(taskId, next, to);
        matches.push(...(await this.#readers.call("scan", { ...range, query, limit: limit - matches.length })));
        next = endOf(range, to);
      }
      return matches;
    };
    yield* searchLog(await this.state(taskId), scan, { from, atOnce: this.#readers.count, signal });
  }

  async delete(taskIds: readonly number[]): Promise<void> {
    if (taskIds.length === 0) return;
    await this.#writer.writeSession(async (session) => {
      const list = placeholders(taskIds.length);
      await session.run(`DELETE FROM log WHERE task_id IN ${list}`, [...taskIds]);
      await session.run(`DELETE FROM log_segment WHERE task_id IN ${list}`, [...taskIds]);
    });
    await this.#blobs?.delete(taskIds.map(logBlobKey));
  }

  async deleteExpired(before: number, limit: number): Promise<number> {
    const sql = `SELECT task_id FROM log WHERE updated_at < ? AND place <> ${PLACE.expired} ORDER BY task_id LIMIT ?`;
    const taskIds = (await this.#reader.rows(sql, [before, limit])).map((row) => Number(row["task_id"]));
    // First the blobs: what a crash leaves is found again by its row.
    await this.#blobs?.delete(taskIds.map(logBlobKey));
    for (const taskId of taskIds) await this.#expire(taskId, before);
    return taskIds.length;
  }

  onChange(taskId: number, callback: () => void): Disposable {
    return this.#listeners.add(taskId, callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mover?.[Symbol.asyncDispose]();
    await this.#readers[Symbol.asyncDispose]();
  }

  async #stored(taskId: number): Promise<StoredLog> {
    return storedLog((await this.#reader.rows("SELECT * FROM log WHERE task_id = ?", [taskId]))[0]);
  }

  /** The rows of a range, or the first of them, for a thread to work on. */
  async #range(taskId: number, from: number, to: number): Promise<SourceRange> {
    const source = { kind: "segments", segments: await this.#segments(taskId, from, to) } as const;
    if (source.segments.length > 0 || from >= to) return { source, from, to };
    // None: the log ends here, or has moved.
    return isInBlob(await this.#stored(taskId)) ? { source: { kind: "blob", taskId }, from, to } : { source, from, to };
  }

  /** Only segments that follow each other: those of a log that has just moved may be half gone. */
  async #segments(taskId: number, from: number, to: number): Promise<PlacedSegment[]> {
    const rows = await this.#reader.rows(
      `SELECT first_row, row_count, data FROM log_segment WHERE task_id = ? AND first_row < ? AND first_row >=
         (SELECT COALESCE(MAX(first_row), 0) FROM log_segment WHERE task_id = ? AND first_row <= ?)
       ORDER BY first_row LIMIT ${BATCH_SEGMENTS}`,
      [taskId, Math.min(to, Number.MAX_SAFE_INTEGER), taskId, from],
    );
    const segments: PlacedSegment[] = [];
    let next = from;
    for (const row of rows) {
      const firstRow = Number(row["first_row"]);
      const rowCount = Number(row["row_count"]);
      if (firstRow > next || firstRow + rowCount <= from) break;
      segments.push({ firstRow, rowCount, data: row["data"] as Uint8Array });
      next = firstRow + rowCount;
    }
    return segments;
  }

  /** Small statements: a large one would hold up the other replicas. */
  async #deleteSegments(taskId: number): Promise<void> {
    const sql = `DELETE FROM log_segment WHERE task_id = ? LIMIT ${SWEEP_SEGMENTS}`;
    for (;;) {
      const { affected } = await this.#writer.writeSession((session) => session.run(sql, [taskId]));
      if (affected < SWEEP_SEGMENTS) return;
    }
  }

  async #expire(taskId: number, before: number): Promise<void> {
    const sql = `UPDATE log SET place = ${PLACE.expired}, finished = 1 WHERE task_id = ? AND updated_at < ?`;
    const { affected } = await this.#writer.writeSession((session) => session.run(sql, [taskId, before]));
    if (affected > 0) await this.#deleteSegments(taskId);
  }

  async #moved(taskId: number): Promise<boolean> {
    const sql = `UPDATE log SET place = ${PLACE.sweeping}
      WHERE task_id = ? AND finished = 1 AND place IN (${PLACE.segments}, ${PLACE.sweeping})`;
    await this.#writer.writeSession((session) => session.run(sql, [taskId]));
    if (!isInBlob(await this.#stored(taskId))) return false;
    await this.#deleteSegments(taskId);
    const swept = `UPDATE log SET place = ${PLACE.blob} WHERE task_id = ? AND place = ${PLACE.sweeping}`;
    await this.#writer.writeSession((session) => session.run(swept, [taskId]));
    return true;
  }

  #movable() {
    return {
      unmoved: async (limit: number) => {
        const sql = "SELECT task_id FROM log WHERE finished = 1 AND place IN (?, ?) ORDER BY task_id LIMIT ?";
        const rows = await this.#reader.rows(sql, [PLACE.segments, PLACE.sweeping, limit]);
        return rows.map((row) => Number(row["task_id"]));
      },
      merge: async (taskId: number, from: number) =>
        await this.#readers.call("merge", await this.#range(taskId, from, Number.POSITIVE_INFINITY)),
      moved: (taskId: number) => this.#moved(taskId),
      inBlob: async (taskId: number) => isInBlob(await this.#stored(taskId)),
    };
  }
}

/** The row behind the last that a thread has seen of a range. */
function endOf({ source }: SourceRange, to: number): number {
  const last = source.kind === "segments" ? source.segments.at(-1) : undefined;
  return last === undefined ? to : Math.min(to, last.firstRow + last.rowCount);
}
