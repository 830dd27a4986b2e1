/** One line of a task's log. */
export interface LogRow {
  /** Epoch ms with a fraction where the runner gave one. */
  readonly time: number;
  /** Without line end. */
  readonly content: string;
}

/**
 * Logs by task. Rows are numbered from 0 without gaps; a row is stored once, whatever is sent again.
 * Implementations are safe to call from several replicas at once.
 */
export interface LogStore {
  /** Number of rows that are stored and durable. */
  length(taskId: number): Promise<number>;
  /**
   * Stores the rows that are new: those at or beyond the stored length. A batch that begins beyond the length stores
   * nothing. Resolves when what it stored is durable, with the stored length.
   */
  append(taskId: number, index: number, rows: readonly LogRow[]): Promise<number>;
  /** No rows follow: repeated calls and later appends of stored rows are harmless; later new rows are refused silently. */
  finish(taskId: number): Promise<void>;
  /** Whether finish was called. */
  finished(taskId: number): Promise<boolean>;
  /** Rows from `from` on, at most `limit` of them; an empty list at the end. */
  read(taskId: number, from: number, limit: number): Promise<readonly LogRow[]>;
  /** Forgets the logs of these tasks. */
  delete(taskIds: readonly number[]): Promise<void>;
  /** Calls back after rows were stored or the log was finished; for live tails on this replica. */
  onChange(taskId: number, callback: () => void): Disposable;
}
