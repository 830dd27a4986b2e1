import type { LogStore } from "./log-store.ts";
import type { Session } from "./session.ts";
import type { ReadTables, Store, WriteTables } from "./store.ts";
import { writeTables } from "./tables/all-tables.ts";

/** Runs functions in transactions. */
export interface Writer {
  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T>;
}

/** The store over one engine's reader, writer and logs; releasing them is one stack, in the reverse order of opening. */
export class DatabaseStore implements Store {
  readonly kind: "sqlite" | "mysql";
  readonly read: ReadTables;
  readonly logs: LogStore;
  readonly #session: Session;
  readonly #writer: Writer;
  readonly #resources: AsyncDisposableStack;

  constructor(reader: Session, writer: Writer, logs: LogStore, resources: AsyncDisposableStack) {
    this.kind = reader.dialect;
    this.read = writeTables(reader);
    this.logs = logs;
    this.#session = reader;
    this.#writer = writer;
    this.#resources = resources;
  }

  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T> {
    return this.#writer.write(work);
  }

  async ping(): Promise<void> {
    await this.#session.rows("SELECT 1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
