import type { LogCalls, LogThreadOptions } from "./log-messages.ts";
import { LogThread } from "./log-thread.ts";

/** Threads that read, search and merge logs: each request goes to the one with the least to do. */
export class LogReaders implements AsyncDisposable {
  readonly #threads: readonly LogThread[];

  /** @param count most threads; they start when they are needed */
  constructor(count: number, options: Omit<LogThreadOptions, "role">) {
    this.#threads = Array.from({ length: count }, () => new LogThread({ ...options, role: "reader" }));
  }

  /** Requests that can be worked on at once. */
  get count(): number {
    return this.#threads.length;
  }

  /** Asks for something. @throws AppError as LogThread does */
  call<Kind extends keyof LogCalls>(kind: Kind, ask: LogCalls[Kind]["ask"]): Promise<LogCalls[Kind]["answer"]> {
    const thread = this.#threads.reduce((best, other) => (other.load < best.load ? other : best));
    return thread.call(kind, ask);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }
}
