import { promisify } from "node:util";
import { zstdCompress } from "node:zlib";
import { keepExisting, overwriteExisting, placeholders } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import { beyond, pack, packWith, type Segment } from "./segment-codec.ts";

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

interface Packed extends Segment {
  readonly packed: Buffer;
}

interface Waiting {
  readonly taskId: number;
  readonly segments: Promise<readonly Packed[]>;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Stored length before and after. */
export interface AppendResult {
  readonly before: number;
  readonly after: number;
}

const compress = promisify(zstdCompress);

/**
 * Appends to logs in MySQL: what comes while a transaction runs shares the next one, because the cost is in the round
 * trips and the commit. The rows of `log` are locked in the order of their ids, so that replicas cannot deadlock.
 */
export class MysqlLogAppender {
  readonly #writer: SessionWriter;
  readonly #queue: Waiting[] = [];
  #running: boolean = false;

  constructor(writer: SessionWriter) {
    this.#writer = writer;
  }

  /** Stores what is new of these segments. */
  append(taskId: number, segments: readonly Segment[]): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const packed = Promise.all(segments.map(packSegment));
      packed.catch(() => undefined);
      this.#queue.push({ taskId, segments: packed, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, LARGEST_BATCH);
      try {
        const segments = await Promise.all(batch.map((waiting) => waiting.segments));
        const appends = batch.map(({ taskId }, i) => ({ taskId, segments: segments[i] ?? [] }));
        const results = await this.#writer.writeSession((session) => store(session, appends));
        for (const [i, { resolve }] of batch.entries()) resolve(results[i] ?? { before: 0, after: 0 });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }
}

/** State of a log whose row is locked. */
export interface LockedLog {
  length: number;
  readonly finished: boolean;
}

/** Locks the rows of these logs, making those that are missing. */
export async function lockLogs(session: Session, taskIds: readonly number[]): Promise<Map<number, LockedLog>> {
  const wanted = [...new Set(taskIds)].sort((a, b) => a - b);
  const logs = new Map<number, LockedLog>();
  const read = async (ids: readonly number[]) => {
    const sql = `SELECT task_id, row_count, finished FROM log WHERE task_id IN ${placeholders(ids.length)}
      ORDER BY task_id FOR UPDATE`;
    for (const row of await session.rows(sql, [...ids])) {
      logs.set(Number(row["task_id"]), { length: Number(row["row_count"]), finished: Number(row["finished"]) === 1 });
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

async function store(
  session: Session,
  appends: readonly { taskId: number; segments: readonly Packed[] }[],
): Promise<AppendResult[]> {
  const logs = await lockLogs(
    session,
    appends.map(({ taskId }) => taskId),
  );
  const inserts: { taskId: number; segment: Packed }[] = [];
  const grown = new Set<number>();
  const results = appends.map(({ taskId, segments }) => {
    const log = logs.get(taskId) ?? { length: 0, finished: true };
    const before = log.length;
    for (const segment of log.finished ? [] : segments) {
      const fresh = beyond(segment, log.length);
      if (fresh === undefined) continue;
      if (fresh.firstRow > log.length) break;
      inserts.push({ taskId, segment: fresh === segment ? segment : { ...fresh, packed: pack(fresh.text) } });
      log.length += fresh.rowCount;
      grown.add(taskId);
    }
    return { before, after: log.length };
  });
  await insertSegments(session, inserts);
  if (grown.size > 0) {
    const values = [...grown].flatMap((taskId) => [taskId, logs.get(taskId)?.length ?? 0]);
    const rows = Array(grown.size).fill("(?, ?, 0)").join(", ");
    const overwrite = overwriteExisting(session.dialect, ["task_id"], ["row_count"]);
    await session.run(`INSERT INTO log (task_id, row_count, finished) VALUES ${rows}${overwrite}`, values);
  }
  return results;
}

async function insertSegments(
  session: Session,
  inserts: readonly { taskId: number; segment: Packed }[],
): Promise<void> {
  for (let from = 0; from < inserts.length; ) {
    const values: SqlValue[] = [];
    let bytes = 0;
    let to = from;
    for (; to < inserts.length && (to === from || bytes < INSERT_BYTES); to++) {
      const insert = inserts[to];
      if (insert === undefined) break;
      const { taskId, segment } = insert;
      values.push(taskId, segment.firstRow, segment.rowCount, segment.packed);
      bytes += segment.packed.byteLength;
    }
    const rows = Array(to - from)
      .fill("(?, ?, ?, ?)")
      .join(", ");
    await session.run(`INSERT INTO log_segment (task_id, first_row, row_count, data) VALUES ${rows}`, values);
    from = to;
  }
}

/** Compresses; what is large in Node's thread pool, so that the event loop does not stall. */
async function packSegment(segment: Segment): Promise<Packed> {
  const { text } = segment;
  return {
    ...segment,
    packed: text.byteLength < LARGE_BYTES ? pack(text) : await packWith(text, (given) => compress(given)),
  };
}
