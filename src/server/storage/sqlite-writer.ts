import type { DataSource, QueryRunner } from "typeorm";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { CommitMemory } from "./commit-memory.ts";
import { databaseError } from "./database-errors.ts";
import { Session } from "./session.ts";
import type { WriteTables } from "./store.ts";
import { writeTables } from "./tables/all-tables.ts";
import type { TransactionScope } from "./transaction-scope.ts";

/** Most functions that share one commit: bounds how long the first waits for the last. */
const LARGEST_BATCH = 256;

interface Waiting {
  readonly work: (session: Session) => Promise<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The one writer of the embedded database: group commit.
 *
 *     write ─► queue ─► BEGIN IMMEDIATE · (SAVEPOINT · function · RELEASE or ROLLBACK TO)* · COMMIT ─► resolve all
 *
 * TypeORM's SQLite driver has one connection for all, so that two transactions at a time would mix; here there is
 * never more than one. A function that throws loses only its own savepoint. One fsync serves the whole batch. When the
 * database ends the transaction by itself, the functions that were not at fault run again.
 */
export class SqliteWriter implements AsyncDisposable {
  readonly #dataSource: DataSource;
  readonly #scope: TransactionScope;
  readonly #clock: Clock;
  readonly #memory: CommitMemory;
  readonly #onOrphanedLogs: () => void;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed: boolean = false;

  /** @param memory of the read side @param onOrphanedLogs called after a commit that left logs to delete */
  constructor(
    dataSource: DataSource,
    scope: TransactionScope,
    clock: Clock,
    memory: CommitMemory,
    onOrphanedLogs: () => void,
  ) {
    this.#dataSource = dataSource;
    this.#scope = scope;
    this.#clock = clock;
    this.#memory = memory;
    this.#onOrphanedLogs = onOrphanedLogs;
  }

  /** See Store.write. */
  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    return this.writeSession((session) => work(writeTables(session)));
  }

  /** The same for plain statements. */
  writeSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#scope.refuse("store.write");
      if (this.#closed) throw new AppError("unavailable", "the store is closed; the server is stopping");
      this.#queue.push({ work, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Waits for what was asked for, then takes no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    const runner = this.#dataSource.createQueryRunner();
    while (this.#queue.length > 0) {
      // SQLite works synchronously: without this turn of the event loop each request that waits in a socket
      // would get its own commit.
      await new Promise((resolve) => setImmediate(resolve));
      await this.#commit(runner, this.#queue.splice(0, LARGEST_BATCH));
    }
    this.#running = undefined;
  }

  async #commit(runner: QueryRunner, batch: readonly Waiting[]): Promise<void> {
    const settle: (() => void)[] = [];
    try {
      await runner.query("BEGIN IMMEDIATE");
      for (const waiting of batch) settle.push(await this.#runOne(runner, waiting));
      await runner.query("COMMIT");
    } catch (error) {
      await runner.query("ROLLBACK").catch(() => undefined);
      this.#giveUp(batch, error);
      return;
    } finally {
      this.#memory.clear();
    }
    for (const done of settle) done();
  }

  /** The database ended the transaction: the function it happened in fails, the others run again; else all fail. */
  #giveUp(batch: readonly Waiting[], error: unknown): void {
    if (!(error instanceof BatchLost)) {
      for (const waiting of batch) waiting.reject(databaseError(error));
      return;
    }
    error.culprit.reject(error.why);
    this.#queue.unshift(...batch.filter((waiting) => waiting !== error.culprit));
  }

  /** Runs one function in a savepoint; returns what is to be done when the batch is on disk. */
  async #runOne(runner: QueryRunner, waiting: Waiting): Promise<() => void> {
    const { work, resolve, reject } = waiting;
    const session = new Session(runner.manager, "sqlite", this.#clock);
    await runner.query("SAVEPOINT one");
    const result = await settled(this.#scope.run(() => work(session)));
    await session.close();
    if (session.fatal !== undefined) throw new BatchLost(waiting, session.fatal);
    if (!result.ok) {
      await runner.query("ROLLBACK TO one");
      await runner.query("RELEASE one");
      return () => reject(result.error);
    }
    await runner.query("RELEASE one");
    return () => {
      resolve(result.value as never);
      if (session.orphanedLogs.length > 0) this.#onOrphanedLogs();
    };
  }
}

/** The database itself rolled the whole batch back (disk full, I/O error) while one function ran. */
class BatchLost extends Error {
  readonly culprit: Waiting;
  readonly why: AppError;

  constructor(culprit: Waiting, why: AppError) {
    super(why.message);
    this.culprit = culprit;
    this.why = why;
  }
}

async function settled(
  running: Promise<unknown>,
): Promise<{ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }> {
  try {
    return { ok: true, value: await running };
  } catch (error) {
    return { ok: false, error };
  }
}
