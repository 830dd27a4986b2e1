import type { DataSource } from "typeorm";
import type { RawRow, SqlValue } from "../sql-value.ts";
import type { ListReader } from "./list-reader.ts";

/** Lists over a small pool of their own, so that they never use up the connections that claims need. */
export class MysqlListReader implements ListReader {
  readonly #pool: DataSource;

  /** @param pool stays its owner's to close */
  constructor(pool: DataSource) {
    this.#pool = pool;
  }

  rows(sql: string, values: readonly SqlValue[]): Promise<RawRow[]> {
    return this.#pool.query(sql, [...values]);
  }
}
