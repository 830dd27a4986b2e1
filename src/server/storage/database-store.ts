import type { LogStore } from "./log-store.ts";
import type { Session } from "./session.ts";
import type { ChangeLog, ReadTables, Store, WriteTables } from "./store.ts";
import { writeTables } from "./tables/all-tables.ts";
import { ChangeTable } from "./tables/change-table.ts";

/** Runs functions in transactions. */
export interface Writer {
  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T>;
}

/** The store over one engine's reader, writer and logs; releasing them is one stack, in the reverse order of opening. */
export class DatabaseStore implements Store {
  readonly kind: "sqlite" | "mysql";
  readonly read: ReadTables;
  readonly logs: LogStore;
  readonly changes: ChangeLog | null;
  readonly #session: Session;
  readonly #writer: Writer;
  readonly #resources: AsyncDisposableStack;

  constructor(reader: Session, writer: Writer, logs: LogStore, resources: AsyncDisposableStack) {
    this.kind = reader.dialect;
    this.read = writeTables(reader);
    this.logs = logs;
    this.changes = reader.dialect === "mysql" ? new ChangeTable(reader) : null;
    this.#session = reader;
    this.#writer = writer;
    this.#resources = resources;
  }

  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    return this.#writer.write(work);
  }

  async now(): Promise<number> {
    // SQLite has no clock but that of this process.
    if (this.kind === "sqlite") return this.#session.clock.now();
    return Number((await this.#session.rows("SELECT ROUND(UNIX_TIMESTAMP(NOW(3)) * 1000) AS now"))[0]?.["now"]);
  }

  async ping(): Promise<void> {
    await this.#session.rows("SELECT 1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
