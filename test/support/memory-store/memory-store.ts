import { AppError } from "../../../src/lib/errors.ts";
import type { LogStore } from "../../../src/server/storage/log-store.ts";
import type { ReadTables, Store, WriteTables } from "../../../src/server/storage/store.ts";
import { TransactionScope } from "../../../src/server/storage/transaction-scope.ts";
import type { MemoryDatabase } from "./memory-database.ts";
import { MemoryLogStore } from "./memory-log-store.ts";
import { memoryTables } from "./memory-tables.ts";
import { MemoryView, type Pause } from "./memory-view.ts";
import { Deadlock, type LockOwner } from "./row-locks.ts";

const ATTEMPTS = 12;

/** How a memory store behaves. */
export interface MemoryStoreOptions {
  /** @default nothing waits */
  readonly pause?: Pause;
  /**
   * `serial`: one transaction after the other, as on SQLite. `rows`: side by side, READ COMMITTED, with the locks of
   * the rows they change, as on MariaDB.
   */
  readonly isolation: "serial" | "rows";
  /** The database's clock. @default the machine's */
  readonly now?: () => number;
}

/**
 * A store in memory, for the simulation: it takes no real time, and what runs between two statements is the caller's
 * choice. Passes the contract of the real ones.
 */
export class MemoryStore implements Store {
  readonly kind: "sqlite" | "mysql";
  readonly read: ReadTables;
  readonly logs: LogStore;
  /** Replicas in a simulation have a bus of their own. */
  readonly changes = null;
  readonly #database: MemoryDatabase;
  readonly #options: MemoryStoreOptions;
  readonly #scope = new TransactionScope();
  readonly #owners = new Set<LockOwner>();
  #closed = false;

  constructor(database: MemoryDatabase, options: MemoryStoreOptions) {
    this.#database = database;
    this.#options = options;
    this.kind = options.isolation === "serial" ? "sqlite" : "mysql";
    const guard = () => this.#scope.refuse("store.read");
    this.read = memoryTables(new MemoryView(database, options.pause, guard));
    this.logs = new MemoryLogStore(database, options.pause);
  }

  async write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    this.#scope.refuse("store.write");
    for (let attempt = 1; ; attempt++) {
      if (this.#closed) throw new AppError("unavailable", "the store is closed");
      try {
        return await this.#once(work);
      } catch (error) {
        if (!(error instanceof Deadlock) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async now(): Promise<number> {
    await this.#options.pause?.("read");
    return (this.#options.now ?? Date.now)();
  }

  async ping(): Promise<void> {
    await this.#options.pause?.("read");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  /** The process died: what it has not committed is rolled back. Nothing that it awaits comes back. */
  kill(): void {
    this.#closed = true;
    for (const owner of this.#owners) owner.dead = true;
    for (const owner of this.#owners) this.#database.locks.release(owner);
  }

  async #once<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    const owner: LockOwner = {};
    const view = new MemoryView(this.#database, this.#options.pause, () => {}, owner);
    this.#owners.add(owner);
    try {
      if (this.#options.isolation === "serial") await this.#database.locks.take(owner, "all");
      const value = await this.#body(view, work);
      await this.#options.pause?.("commit");
      if (owner.dead === true) return await new Promise(() => {});
      this.#database.commit(view.changes);
      for (const taskId of view.orphanedLogs) this.#database.logs.delete(taskId);
      this.#database.locks.release(owner);
      await this.#options.pause?.("committed");
      return value;
    } finally {
      this.#database.locks.release(owner);
      this.#owners.delete(owner);
    }
  }

  async #body<T>(view: MemoryView, work: (tx: WriteTables) => Promise<T>): Promise<T> {
    try {
      return await this.#scope.run(() => work(memoryTables(view)));
    } finally {
      await view.close();
    }
  }
}
