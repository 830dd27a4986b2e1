import { Worker } from "node:worker_threads";
import { AppError } from "../../../lib/errors.ts";
import type { RawRow, SqlValue } from "../sql-value.ts";
import type { ListAsk, ListReply } from "./list-messages.ts";
import type { ListReader } from "./list-reader.ts";

/** A slow query leaves one thread for the others. */
const THREADS = 2;
/** Most SELECTs that wait for a thread. */
const MOST_WAITING = 1_000;

interface Question {
  readonly ask: ListAsk;
  readonly resolve: (rows: RawRow[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  /** What it works on; undefined while it is free. */
  question: Question | undefined;
}

/** The worker file beside this one: `.ts` when run from source, `.js` when built. */
const WORKER_FILE = new URL(import.meta.url.endsWith(".ts") ? "./list-worker.ts" : "./list-worker.js", import.meta.url);

/**
 * Threads with connections of their own that only read. SQLite works synchronously: a count of a large table would
 * stop everything else if it ran in the thread that serves. The first question starts the first thread; a thread that
 * breaks fails what it worked on, and the next question starts another one.
 */
export class SqliteListReader implements ListReader, AsyncDisposable {
  readonly #path: string;
  readonly #threads = new Set<Thread>();
  readonly #waiting: Question[] = [];
  #closed = false;

  /** @param path of the database file */
  constructor(path: string) {
    this.#path = path;
  }

  rows(sql: string, values: readonly SqlValue[]): Promise<RawRow[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new AppError("unavailable", "the store is closed; the server is stopping");
      if (this.#waiting.length >= MOST_WAITING) {
        throw new AppError("exhausted", "too many lists are being read; try again in a moment");
      }
      this.#waiting.push({ ask: { sql, values }, resolve, reject });
      this.#assign();
    });
  }

  /** Answers what was asked, then ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const threads = [...this.#threads];
    for (const thread of threads) if (thread.question === undefined) thread.worker.postMessage(null);
    await Promise.all(threads.map((thread) => thread.exited));
  }

  /** Gives the questions that wait to free threads, and starts one where none is free. */
  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#free();
      if (thread === undefined) return;
      thread.question = this.#waiting.shift();
      thread.worker.postMessage(thread.question?.ask);
    }
  }

  #free(): Thread | undefined {
    for (const thread of this.#threads) if (thread.question === undefined) return thread;
    return this.#threads.size < THREADS ? this.#spawn() : undefined;
  }

  #spawn(): Thread {
    const worker = new Worker(WORKER_FILE, { workerData: this.#path, name: "lists" });
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const thread: Thread = { worker, exited, question: undefined };
    this.#threads.add(thread);
    worker.on("message", (reply: ListReply) => {
      const question = thread.question;
      thread.question = undefined;
      if ("rows" in reply) question?.resolve(reply.rows);
      else question?.reject(Object.assign(new Error(reply.error), { code: reply.code }));
      this.#assign();
      if (this.#closed && thread.question === undefined) worker.postMessage(null);
    });
    worker.on("error", (error) => this.#lost(thread, error));
    void exited.then(() => this.#lost(thread));
    return thread;
  }

  #lost(thread: Thread, cause?: unknown): void {
    if (!this.#threads.delete(thread)) return;
    thread.question?.reject(new AppError("unavailable", "the thread that read the list ended; try again", cause));
    thread.question = undefined;
    if (this.#closed) {
      const closed = new AppError("unavailable", "the store is closed; the server is stopping");
      if (this.#threads.size === 0) for (const question of this.#waiting.splice(0)) question.reject(closed);
    } else this.#assign();
  }
}
