import { AppError } from "../../../src/lib/errors.ts";
import type { Page, PageRequest } from "../../../src/server/storage/store.ts";
import type { Key, MemoryDatabase, MemoryRows, TableName } from "./memory-database.ts";
import type { LockOwner } from "./row-locks.ts";

/** Called before every statement, commit and answer; may delay or fail it. */
export type Pause = (what: "read" | "statement" | "commit" | "committed" | "append" | "appended") => Promise<void>;

/** Rows as one statement sees them, and its changes. */
export class MemoryView {
  readonly #database: MemoryDatabase;
  readonly #pause: Pause | undefined;
  /** Undefined on the read side. */
  readonly #owner: LockOwner | undefined;
  readonly changes = new Map<TableName, Map<Key, unknown>>();
  readonly orphanedLogs: number[] = [];
  readonly #guard: () => void;
  #tail: Promise<unknown> = Promise.resolve();
  closed = false;

  constructor(database: MemoryDatabase, pause: Pause | undefined, guard: () => void, owner?: LockOwner) {
    this.#database = database;
    this.#pause = pause;
    this.#guard = guard;
    this.#owner = owner;
  }

  /** A statement that reads. */
  read<T>(work: () => T): Promise<T> {
    return this.#statement([], work);
  }

  /** A statement that changes rows, after it has got the locks of them. */
  change<T>(locks: readonly string[], work: () => T): Promise<T> {
    return this.#statement(locks, work);
  }

  get<Name extends TableName>(name: Name, key: Key): MemoryRows[Name] | undefined {
    const changed = this.changes.get(name);
    if (changed?.has(key) === true) return changed.get(key) as MemoryRows[Name] | undefined;
    return this.#database.table(name).get(key);
  }

  /** All rows, by key. */
  all<Name extends TableName>(name: Name): MemoryRows[Name][] {
    return this.entries(name).map(([, row]) => row);
  }

  entries<Name extends TableName>(name: Name): [Key, MemoryRows[Name]][] {
    const table = this.#database.table(name);
    const changed = this.changes.get(name) as Map<Key, MemoryRows[Name] | undefined> | undefined;
    const found: [Key, MemoryRows[Name]][] = [];
    for (const [key, row] of table) if (changed?.has(key) !== true) found.push([key, row]);
    for (const [key, row] of changed ?? []) if (row !== undefined) found.push([key, row]);
    return found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  put<Name extends TableName>(name: Name, key: Key, row: MemoryRows[Name]): void {
    this.#changed(name).set(key, row);
  }

  remove(name: TableName, key: Key): void {
    this.#changed(name).set(key, undefined);
  }

  nextId(name: TableName): number {
    return this.#database.nextId(name);
  }

  /** Waits for statements that were started and not awaited; takes no more. */
  async close(): Promise<void> {
    this.closed = true;
    await this.#tail;
  }

  #statement<T>(locks: readonly string[], work: () => T): Promise<T> {
    const run = async () => {
      this.#guard();
      if (this.closed) throw new AppError("internal", "a statement came after the end of its transaction");
      if (this.#owner === undefined && locks.length > 0) throw new AppError("internal", "a write on the read side");
      return await this.#run(locks, work);
    };
    if (this.#owner === undefined) return run();
    // one statement at a time
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #run<T>(locks: readonly string[], work: () => T): Promise<T> {
    await this.#pause?.(this.#owner === undefined ? "read" : "statement");
    for (const lock of locks) if (this.#owner !== undefined) await this.#database.locks.take(this.#owner, lock);
    return work();
  }

  #changed(name: TableName): Map<Key, unknown> {
    let changed = this.changes.get(name);
    if (changed === undefined) {
      changed = new Map();
      this.changes.set(name, changed);
    }
    return changed;
  }
}

/** One page of rows that come oldest first. */
export function pageOf<T>(rows: readonly T[], { page, limit }: PageRequest): Page<T> {
  const items = [...rows].reverse().slice((page - 1) * limit, page * limit);
  return { items, total: rows.length };
}

/** The error of every database for a second row of one name. */
export function duplicate(what: string): AppError {
  return new AppError("conflict", `${what} exists already`);
}

/**
 * A table with the methods that the simulation uses. The others of its interface refuse to be called, so that the store
 * may grow by what the simulation has no use for; the contract says what has to be there.
 */
export function tableOf<T extends object>(name: string, known: Partial<T>): T {
  return Object.assign(Object.create(refusing(name)), known);
}

const REFUSING = new Map<string, object>();

function refusing(name: string): object {
  let proxy = REFUSING.get(name);
  if (proxy === undefined) {
    const refuse = (property: string | symbol) => {
      throw new AppError(
        "internal",
        `the store in memory has no ${name}.${String(property)}; add it where it is needed`,
      );
    };
    proxy = new Proxy({}, { get: (_, property) => () => refuse(property) });
    REFUSING.set(name, proxy);
  }
  return proxy;
}
