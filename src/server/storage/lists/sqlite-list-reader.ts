import { WorkerPool } from "../../../lib/worker-pool.ts";
import type { RawRow, SqlValue } from "../sql-value.ts";
import type { ListAsk, ListReader } from "./list-reader.ts";

/** A slow query leaves one thread for the others. */
const THREADS = 2;
/** Most SELECTs that wait for a thread. */
const MOST_WAITING = 1_000;

/** The worker file beside this one: `.ts` when run from source, `.js` when built. */
const WORKER_FILE = new URL(import.meta.url.endsWith(".ts") ? "./list-worker.ts" : "./list-worker.js", import.meta.url);

/**
 * Threads with connections of their own that only read. SQLite works synchronously: a count of a large table would
 * stop everything else if it ran in the thread that serves.
 */
export class SqliteListReader implements ListReader, AsyncDisposable {
  readonly #pool: WorkerPool<ListAsk, RawRow[]>;

  /** @param path of the database file */
  constructor(path: string) {
    const size = { threads: THREADS, mostWaiting: MOST_WAITING };
    this.#pool = new WorkerPool({ file: WORKER_FILE, name: "lists", data: path, ...size });
  }

  rows(sql: string, values: readonly SqlValue[]): Promise<RawRow[]> {
    return this.#pool.ask({ sql, values });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}
