import type { RawRow, SqlValue } from "../sql-value.ts";

/** A SELECT for a list thread; `null` instead of it ends the thread. */
export interface ListAsk {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** What a list thread answers, in the order of the questions. */
export type ListReply = { readonly rows: RawRow[] } | { readonly error: string; readonly code: string };
