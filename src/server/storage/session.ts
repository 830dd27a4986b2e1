import type { EntityManager } from "typeorm";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { CommitMemory } from "./commit-memory.ts";
import { databaseError, endsTransaction } from "./database-errors.ts";
import type { Dialect } from "./dialect.ts";
import type { ListReader } from "./lists/list-reader.ts";
import type { RowMapper } from "./schema/row-mapper.ts";
import type { RawRow, SqlValue } from "./sql-value.ts";

/** What a session of the read side has. */
export interface ReadSide {
  /** Called before each statement; throws where statements are forbidden. */
  readonly guard: () => void;
  readonly lists: ListReader;
  /** Absent where other processes write, too. */
  readonly memory?: CommitMemory;
}

/**
 * The statements of one transaction, or of the read side. Every statement of the tables goes through here, so that
 * errors are translated once and a transaction that has ended takes no more of them.
 */
export class Session {
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly #manager: EntityManager;
  readonly #readSide: ReadSide | undefined;
  /** The last statement of a transaction; undefined on the read side, where statements run side by side. */
  #tail: Promise<unknown> | undefined;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #orphanedLogs: number[] = [];
  #closed: boolean = false;
  #fatal: AppError | undefined;

  /** @param readSide undefined for a transaction */
  constructor(manager: EntityManager, dialect: Dialect, clock: Clock, readSide?: ReadSide) {
    this.#tail = readSide === undefined ? Promise.resolve() : undefined;
    this.#manager = manager;
    this.dialect = dialect;
    this.clock = clock;
    this.#readSide = readSide;
  }

  /** The error that ended the transaction on the database's side, even where the caller swallowed it. */
  get fatal(): AppError | undefined {
    return this.#fatal;
  }

  /** Tasks whose logs are to be deleted after the commit. */
  get orphanedLogs(): readonly number[] {
    return this.#orphanedLogs;
  }

  /** Notes that the logs of these tasks are to be deleted once the transaction is committed. */
  orphanLogs(taskIds: readonly number[]): void {
    this.#orphanedLogs.push(...taskIds);
  }

  /** Runs TypeORM's own methods; for what is not on a hot path. Never `save`, which loads first. */
  async do<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.#readSide?.guard();
    if (this.#closed) {
      throw new AppError("internal", "a statement came after the end of its transaction; await every tx call");
    }
    const running = this.#inOrder(() => work(this.#manager));
    this.#inFlight.add(running);
    try {
      return await running;
    } catch (error) {
      throw databaseError(error);
    } finally {
      this.#inFlight.delete(running);
    }
  }

  /** Rows of a SELECT. */
  rows(sql: string, values: readonly SqlValue[] = []): Promise<RawRow[]> {
    return this.do((manager) => manager.query(sql, [...values]));
  }

  /** Rows of a list, a count or a search; on the read side they are read beside everything else. */
  async listRows(sql: string, values: readonly SqlValue[] = []): Promise<RawRow[]> {
    if (this.#readSide === undefined) return await this.rows(sql, values);
    this.#readSide.guard();
    try {
      return await this.#readSide.lists.rows(sql, values);
    } catch (error) {
      throw databaseError(error);
    }
  }

  /** The answer of a query that many ask at the same time; on the read side of the embedded database it is asked once a commit. */
  async shared<T>(key: string, read: () => Promise<T>): Promise<T> {
    if (this.#readSide?.memory === undefined) return await read();
    this.#readSide.guard();
    return await this.#readSide.memory.of(key, read);
  }

  /** Runs a statement that changes rows; only inside a transaction. */
  run(sql: string, values: readonly SqlValue[] = []): Promise<{ affected: number; insertId: number }> {
    return this.do(async ({ queryRunner }) => {
      if (queryRunner === undefined) throw new AppError("internal", "a write was tried on the read side of the store");
      const result = await queryRunner.query(sql, [...values], true);
      const raw: unknown = result.raw;
      const id = typeof raw === "object" && raw !== null && "insertId" in raw ? raw.insertId : raw;
      return { affected: result.affected ?? 0, insertId: Number(id) };
    });
  }

  /** Runs one statement of the read side that changes rows and commits by itself; only on MySQL. Returns the rows it changed. */
  async commit(sql: string, values: readonly SqlValue[]): Promise<number> {
    const result: unknown = await this.do((manager) => manager.query(sql, [...values]));
    return typeof result === "object" && result !== null && "affectedRows" in result ? Number(result.affectedRows) : 0;
  }

  /** Decoded rows; `tail` is what follows `SELECT * FROM table`. */
  async select<Row extends object>(of: RowMapper<Row>, tail: string, values: readonly SqlValue[] = []): Promise<Row[]> {
    const rows = await this.rows(`SELECT * FROM ${of.table} ${tail}`, values);
    return rows.map((row) => of.decode(row));
  }

  /** The first decoded row, if any. */
  async first<Row extends object>(
    of: RowMapper<Row>,
    tail: string,
    values: readonly SqlValue[] = [],
  ): Promise<Row | undefined> {
    return (await this.select(of, tail, values))[0];
  }

  /** Inserts a row and returns its generated id. */
  async insert<Row extends object>(into: RowMapper<Row>, row: Omit<Row, "id">): Promise<number> {
    const { columns, values } = into.encode(row as Partial<Row>);
    const marks = Array(columns.length).fill("?").join(", ");
    const { insertId } = await this.run(`INSERT INTO ${into.table} (${columns.join(", ")}) VALUES (${marks})`, values);
    return insertId;
  }

  /** Changes the columns in `patch` (those that are undefined stay); returns how many rows `where` matched. */
  async update<Row extends object>(
    table: RowMapper<Row>,
    patch: Partial<Row>,
    where: string,
    values: readonly SqlValue[],
  ): Promise<number> {
    const set = table.encode(patch);
    const assignments = set.columns.map((column) => `${column} = ?`).join(", ");
    if (assignments === "") return (await this.rows(`SELECT 1 FROM ${table.table} WHERE ${where}`, values)).length;
    const sql = `UPDATE ${table.table} SET ${assignments} WHERE ${where}`;
    return (await this.run(sql, [...set.values, ...values])).affected;
  }

  /** Refuses further statements and waits for those that were started and not awaited. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inFlight);
  }

  /**
   * In a transaction one statement runs at a time, and none after the database has ended it: on SQLite the next one
   * would be committed on its own.
   */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    if (this.#tail === undefined) return work();
    const running = this.#tail.then(async () => {
      if (this.#fatal !== undefined) throw this.#fatal;
      try {
        return await work();
      } catch (error) {
        if (endsTransaction(error)) this.#fatal ??= databaseError(error);
        throw error;
      }
    });
    this.#tail = running.catch(() => undefined);
    return running;
  }
}
