import type { RawRow, SqlValue } from "../sql-value.ts";

/** A SELECT of a list, a count or a search. */
export interface ListAsk {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Runs the SELECTs of lists, counts and searches where they hold up neither the event loop nor claims. */
export interface ListReader {
  /** Rows of a SELECT over committed data. @throws the driver's error, or AppError unavailable or exhausted */
  rows(sql: string, values: readonly SqlValue[]): Promise<RawRow[]>;
}
