import type { DataSource, QueryRunner } from "typeorm";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { databaseError, isRetryable } from "./database-errors.ts";
import { Session } from "./session.ts";
import type { WriteTables } from "./store.ts";
import { writeTables } from "./tables/all-tables.ts";
import type { TransactionScope } from "./transaction-scope.ts";

/** How often a transaction is tried. */
const ATTEMPTS = 12;

/** Longest pause between two tries. */
const LONGEST_PAUSE_MS = 200;

/** Transactions on a MySQL pool: READ COMMITTED, run again from the start after a deadlock or a lock timeout. */
export class MysqlWriter implements AsyncDisposable {
  readonly #dataSource: DataSource;
  readonly #scope: TransactionScope;
  readonly #clock: Clock;
  readonly #onOrphanedLogs: () => void;
  readonly #running = new Set<Promise<unknown>>();
  #closed: boolean = false;

  /** @param onOrphanedLogs called after a commit that left logs to delete */
  constructor(dataSource: DataSource, scope: TransactionScope, clock: Clock, onOrphanedLogs: () => void) {
    this.#dataSource = dataSource;
    this.#scope = scope;
    this.#clock = clock;
    this.#onOrphanedLogs = onOrphanedLogs;
  }

  /** See Store.write. When the connection is lost during COMMIT, whether it counted is unknown: `unavailable`. */
  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    return this.writeSession((session) => work(writeTables(session)));
  }

  /** The same for plain statements. */
  async writeSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    this.#scope.refuse("store.write");
    if (this.#closed) throw new AppError("unavailable", "the store is closed; the server is stopping");
    const running = this.#tryOften(work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Takes no more and waits for what is running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  async #tryOften<T>(work: (session: Session) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(work);
      } catch (error) {
        if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
        // The pauses grow, and the victims of one deadlock are spread by the attempts they have had.
        await this.#clock.sleep(Math.min(2 ** attempt, LONGEST_PAUSE_MS), {});
      }
    }
  }

  async #once<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const runner = this.#dataSource.createQueryRunner();
    try {
      await asDatabaseError(() => runner.startTransaction("READ COMMITTED"));
      return await this.#inTransaction(runner, work);
    } finally {
      await runner.release();
    }
  }

  async #inTransaction<T>(runner: QueryRunner, work: (session: Session) => Promise<T>): Promise<T> {
    const session = new Session(runner.manager, "mysql", this.#clock);
    try {
      const value = await this.#scope.run(() => work(session));
      await session.close();
      if (session.fatal !== undefined) throw session.fatal;
      await asDatabaseError(() => runner.commitTransaction());
      if (session.orphanedLogs.length > 0) this.#onOrphanedLogs();
      return value;
    } catch (error) {
      await session.close();
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw session.fatal ?? error;
    }
  }
}

async function asDatabaseError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw databaseError(error);
  }
}
