import type { Segment } from "./segment-codec.ts";

/** What the log threads can be asked for, and what they answer with. */
export interface LogCalls {
  /** Answers with the stored length. */
  append: { ask: { taskId: number; segments: readonly Segment[] }; answer: number };
  finish: { ask: { taskId: number }; answer: null };
  delete: { ask: { taskIds: readonly number[] }; answer: null };
  length: { ask: { taskId: number }; answer: number };
  finished: { ask: { taskId: number }; answer: boolean };
  /** Rows of one range as two lists, which copy faster between threads than many objects. */
  read: { ask: { taskId: number; from: number; limit: number }; answer: { times: number[]; contents: string[] } };
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
  | { readonly id: number; readonly error: string; readonly code: string };

/** What a log thread is started with. */
export interface LogThreadOptions {
  /** Path of `logs.db`. */
  readonly path: string;
  readonly role: "writer" | "reader";
}
