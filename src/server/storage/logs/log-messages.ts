import type { BlobPlace } from "../../../lib/blobs/blob-store.ts";
import type { LogRows } from "../../domain/log-rows.ts";
import type { LogMatch, LogQuery, LogState } from "../log-store.ts";
import type { PlacedSegment } from "./log-blob.ts";

/**
 * Where a log's rows are: the embedded database, in which the thread looks itself; segments that the caller has read;
 * or the blob of a task.
 */
export type LogSource =
  | { readonly kind: "embedded"; readonly taskId: number }
  | { readonly kind: "segments"; readonly segments: readonly PlacedSegment[] }
  | { readonly kind: "blob"; readonly taskId: number };

/** How a log stands, and where: one of PLACE. */
export interface StoredLog extends LogState {
  readonly place: number;
}

/** Rows of a source. */
export interface SourceRange {
  readonly source: LogSource;
  readonly from: number;
  /** First row that is not wanted. */
  readonly to: number;
}

/** What the log threads can be asked for, and what they answer with. */
export interface LogCalls {
  /** Answers with the acknowledged rows, and whether there are more stored rows than before. */
  append: {
    ask: { taskId: number; index: number; rows: LogRows; now: number };
    answer: { acked: number; grown: boolean };
  };
  finish: { ask: { taskId: number; now: number }; answer: null };
  delete: { ask: { taskIds: readonly number[] }; answer: null };
  /** A finished log lies in its blob now; false when it is gone, or was there before. */
  moved: { ask: { taskId: number }; answer: boolean };
  /** Forgets the rows of those of the logs that nobody wrote to since. */
  expire: { ask: { taskIds: readonly number[]; before: number }; answer: null };
  state: { ask: { taskId: number }; answer: StoredLog };
  /** Logs that nobody wrote to since, at most so many. */
  old: { ask: { before: number; limit: number }; answer: number[] };
  /** Finished logs that are not in their blob yet, at most so many. */
  unmoved: { ask: { limit: number }; answer: number[] };
  /** A piece of the range. */
  rows: { ask: SourceRange; answer: LogRows };
  text: { ask: SourceRange; answer: { rows: number; text: Uint8Array } };
  /** The rows of the range that hold the text. */
  scan: { ask: SourceRange & { query: LogQuery; limit: number }; answer: LogMatch[] };
  /** The next rows in segments of full size, all that the range has unless it is long. */
  merge: { ask: SourceRange; answer: PlacedSegment[] };
  /** Ends the thread after all earlier requests. */
  close: { ask: Record<never, never>; answer: null };
}

/** A request to a log thread. */
export type LogRequest = {
  [Kind in keyof LogCalls]: { readonly id: number; readonly kind: Kind } & Readonly<LogCalls[Kind]["ask"]>;
}[keyof LogCalls];

/** The answer to one request. */
export type LogReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly code: string; readonly isAppError?: true };

/** What a log thread is started with. */
export interface LogThreadOptions {
  /** Path of `logs.db`; null where the logs are in another database and the thread only works on what it is given. */
  readonly path: string | null;
  readonly role: "writer" | "reader";
  /** Where finished logs go, or null. */
  readonly blobs: BlobPlace | null;
  /** Bytes a log may have. */
  readonly largestLog: number;
}
