import type { LogRow, LogRows } from "../domain/log-rows.ts";

/** How a log stands. */
export interface LogState {
  /** Rows that are stored and durable. */
  readonly rows: number;
  /** Their length in bytes, each with its line end. */
  readonly bytes: number;
  /** No rows follow. */
  readonly finished: boolean;
  /** The log reached its limit: its last row says so, and later rows were not stored. */
  readonly capped: boolean;
  /** The rows were deleted because of their age. */
  readonly expired: boolean;
}

/** What is searched for in a log. */
export interface LogQuery {
  /** One line or a part of it, taken literally; not empty. */
  readonly text: string;
  /** Upper and lower case are the same. */
  readonly ignoreCase: boolean;
}

/** A row that holds what was searched for. */
export interface LogMatch {
  readonly row: number;
  /** Epoch ms. */
  readonly time: number;
  /** Where in the row the text was found first, in UTF-16 units. */
  readonly column: number;
  /** The row, or 2,000 characters of it around the place. */
  readonly content: string;
}

/** What a search has found so far. */
export interface SearchStep {
  readonly matches: readonly LogMatch[];
  /** All rows before this one have been searched. */
  readonly nextRow: number;
}

/**
 * Logs by task. Rows are numbered from 0 without gaps; a row is stored once, whatever is sent again.
 * Implementations are safe to call from several replicas at once. Where a blob store is configured a finished log moves
 * there in the background; nobody who reads sees a difference.
 */
export interface LogStore {
  /** How a log stands; all zero for one that does not exist. */
  state(taskId: number): Promise<LogState>;
  /**
   * Stores the rows that are new: those at or beyond the stored length. A batch that begins beyond the length stores
   * nothing, and neither does one for a finished log. Resolves when what it stored is durable, with the number of rows
   * that are acknowledged: the stored ones, or for a capped log all that were sent.
   */
  append(taskId: number, index: number, rows: LogRows): Promise<number>;
  /** No rows follow: repeated calls and later appends of stored rows are harmless; later new rows are refused silently. */
  finish(taskId: number): Promise<void>;
  /** Rows from `from` on, at most `limit` of them; an empty list at the end. */
  read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]>;
  /**
   * The next rows from `from` on as lines of text, as Gitea writes them into files: a piece of some size, at most
   * `limit` rows of them, none at the end.
   */
  text(taskId: number, from: number, limit: number): Promise<{ readonly rows: number; readonly text: Uint8Array }>;
  /**
   * Looks through the rows from `from` on that are stored now, in order. It ends early when the signal aborts. A step
   * holds at most `limit` matches; one with as many does not tell whether its rows hold more.
   */
  search(
    taskId: number,
    query: LogQuery,
    options: { readonly from?: number; readonly limit: number; readonly signal: AbortSignal },
  ): AsyncIterable<SearchStep>;
  /** Forgets the logs of these tasks. */
  delete(taskIds: readonly number[]): Promise<void>;
  /**
   * Deletes the rows of logs that were not written to since `before` (epoch ms), at most `limit` logs; that they were
   * there is remembered. Resolves to the number of logs, so that the caller repeats it until that is 0.
   */
  deleteExpired(before: number, limit: number): Promise<number>;
  /** Calls back after rows were stored or the log was finished; for live tails on this replica. */
  onChange(taskId: number, callback: () => void): Disposable;
}
