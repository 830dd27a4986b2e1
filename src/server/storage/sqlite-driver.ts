import { createRequire } from "node:module";

/** What we use of a better-sqlite3 statement. */
export interface SqliteStatement {
  all(...values: unknown[]): Record<string, unknown>[];
  get(...values: unknown[]): Record<string, unknown> | undefined;
  run(...values: unknown[]): { changes: number; lastInsertRowid: number | bigint };
}

/** What we use of a better-sqlite3 connection. */
export interface SqliteConnection {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): void;
  pragma(sql: string): unknown;
  close(): void;
  readonly inTransaction: boolean;
}

/** The constructor of better-sqlite3; `timeout` is the busy timeout in ms. */
export type SqliteDriver = new (
  path: string,
  options?: { readonly?: boolean; fileMustExist?: boolean; timeout?: number },
) => SqliteConnection;

/** better-sqlite3 13 under its alias: it has no type declarations, and TypeORM asks for version 12. */
export const sqliteDriver = createRequire(import.meta.url)("better-sqlite3-v13") as SqliteDriver;

/** Settings of a connection that writes: write-ahead log, every commit on disk, foreign keys checked. */
export function prepareWriter(connection: SqliteConnection): void {
  connection.pragma("journal_mode = WAL");
  connection.pragma("synchronous = FULL");
  connection.pragma("foreign_keys = ON");
  connection.pragma("temp_store = MEMORY");
}

/** Settings of a connection that only reads. */
export function prepareReader(connection: SqliteConnection): void {
  connection.pragma("query_only = ON");
  connection.pragma("mmap_size = 268435456");
}
