import type { Clock } from "../../../lib/clock.ts";
import type { LogRows } from "../../domain/log-rows.ts";
import { keepExisting, overwriteExisting, placeholders } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import { addRows, type GrowingLog } from "./add-rows.ts";
import { pack, packLater, toSegments } from "./segment-codec.ts";
import { storedLog } from "./stored-log.ts";

/** Most appends that share one transaction. */
const LARGEST_BATCH = 64;

/** Most bytes of segments in one INSERT; the driver doubles them as hex, and MariaDB takes 16 MiB at once. */
const INSERT_BYTES = 2 * 1024 * 1024;

/** From this size on a job in the thread pool (0.5 ms of its own) is cheaper than the stall (0.5 ms per 100 KB). */
const LARGE_BYTES = 128 * 1024;

/** Where the statements of a transaction run. */
export interface SessionWriter {
  writeSession<T>(work: (session: Session) => Promise<T>): Promise<T>;
}

/** Rows of a log that are to be stored, packed in the hope that they begin where the log ends. */
interface Piece {
  readonly index: number;
  readonly rows: LogRows;
  readonly packed: Buffer;
}

interface Waiting {
  readonly taskId: number;
  readonly pieces: Promise<readonly Piece[]>;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What is acknowledged, and whether there are more stored rows than before. */
export interface AppendResult {
  readonly acked: number;
  readonly grown: boolean;
}

/**
 * Appends to logs in MySQL: what comes while a transaction runs shares the next one, because the cost is in the round
 * trips and the commit. The rows of `log` are locked in the order of their ids, so that replicas cannot deadlock.
 */
export class MysqlLogAppender {
  readonly #writer: SessionWriter;
  readonly #largestLog: number;
  readonly #clock: Clock;
  readonly #queue: Waiting[] = [];
  #running: boolean = false;

  /** @param largestLog bytes a log may have */
  constructor(writer: SessionWriter, largestLog: number, clock: Clock) {
    this.#writer = writer;
    this.#largestLog = largestLog;
    this.#clock = clock;
  }

  /** Stores what is new of these rows. */
  append(taskId: number, index: number, rows: LogRows): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const pieces = packPieces(index, rows);
      pieces.catch(() => undefined);
      this.#queue.push({ taskId, pieces, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, LARGEST_BATCH);
      try {
        const pieces = await Promise.all(batch.map((waiting) => waiting.pieces));
        const appends = batch.map(({ taskId }, i) => ({ taskId, pieces: pieces[i] ?? [] }));
        const results = await this.#writer.writeSession((session) => this.#store(session, appends));
        for (const [i, { resolve }] of batch.entries()) resolve(results[i] ?? { acked: 0, grown: false });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }

  async #store(
    session: Session,
    appends: readonly { taskId: number; pieces: readonly Piece[] }[],
  ): Promise<AppendResult[]> {
    const logs = await lockLogs(
      session,
      appends.map(({ taskId }) => taskId),
    );
    const inserts: Insert[] = [];
    const grown = new Set<number>();
    const results = appends.map(({ taskId, pieces }) => {
      const log = logs.get(taskId) ?? { rows: 0, bytes: 0, finished: true, capped: false };
      const before = log.rows;
      let acked = log.rows;
      for (const piece of pieces) {
        const added = addRows(log, piece.index, piece.rows, this.#largestLog);
        acked = added.acked;
        for (const { firstRow, rows } of added.segments) {
          inserts.push({ taskId, firstRow, count: rows.count, data: rows === piece.rows ? piece.packed : pack(rows) });
        }
      }
      if (log.rows > before) grown.add(taskId);
      return { acked, grown: log.rows > before };
    });
    await insertSegments(session, inserts);
    await saveStates(session, [...grown], logs, this.#clock.now());
    return results;
  }
}

/** Locks the rows of these logs, making those that are missing. */
export async function lockLogs(session: Session, taskIds: readonly number[]): Promise<Map<number, GrowingLog>> {
  const wanted = [...new Set(taskIds)].sort((a, b) => a - b);
  const logs = new Map<number, GrowingLog>();
  const read = async (ids: readonly number[]) => {
    const sql = `SELECT * FROM log WHERE task_id IN ${placeholders(ids.length)} ORDER BY task_id FOR UPDATE`;
    for (const row of await session.rows(sql, [...ids])) {
      const { rows, bytes, finished, capped } = storedLog(row);
      logs.set(Number(row["task_id"]), { rows, bytes, finished, capped });
    }
  };
  await read(wanted);
  const missing = wanted.filter((taskId) => !logs.has(taskId));
  if (missing.length === 0) return logs;
  const keep = keepExisting(session.dialect, "task_id");
  const rows = missing.map(() => "(?, 0, 0)").join(", ");
  await session.run(`INSERT INTO log (task_id, row_count, finished) VALUES ${rows}${keep}`, missing);
  await read(missing);
  return logs;
}

async function saveStates(
  session: Session,
  taskIds: readonly number[],
  logs: ReadonlyMap<number, GrowingLog>,
  now: number,
): Promise<void> {
  if (taskIds.length === 0) return;
  const values = taskIds.flatMap((taskId) => {
    const { rows = 0, bytes = 0, capped = false } = logs.get(taskId) ?? {};
    return [taskId, rows, bytes, capped ? 1 : 0, now];
  });
  const rows = taskIds.map(() => "(?, ?, ?, ?, ?, 0)").join(", ");
  const columns = ["row_count", "byte_count", "capped", "updated_at"];
  const overwrite = overwriteExisting(session.dialect, ["task_id"], columns);
  await session.run(`INSERT INTO log (task_id, ${columns.join(", ")}, finished) VALUES ${rows}${overwrite}`, values);
}

interface Insert {
  readonly taskId: number;
  readonly firstRow: number;
  readonly count: number;
  readonly data: Buffer;
}

async function insertSegments(session: Session, inserts: readonly Insert[]): Promise<void> {
  for (let from = 0; from < inserts.length; ) {
    const values: SqlValue[] = [];
    let bytes = 0;
    let to = from;
    for (; to < inserts.length && (to === from || bytes < INSERT_BYTES); to++) {
      const insert = inserts[to];
      if (insert === undefined) break;
      values.push(insert.taskId, insert.firstRow, insert.count, insert.data);
      bytes += insert.data.byteLength;
    }
    const rows = Array(to - from)
      .fill("(?, ?, ?, ?)")
      .join(", ");
    await session.run(`INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES ${rows}`, values);
    from = to;
  }
}

/** Compresses; what is large in Node's thread pool, so that the event loop does not stall. */
async function packPieces(index: number, rows: LogRows): Promise<readonly Piece[]> {
  let at = index;
  const pieces = toSegments(rows).map(async (piece) => {
    const first = at;
    at += piece.count;
    const packed = piece.text.length < LARGE_BYTES ? pack(piece) : await packLater(piece);
    return { index: first, rows: piece, packed };
  });
  return await Promise.all(pieces);
}
