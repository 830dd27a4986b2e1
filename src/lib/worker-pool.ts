import { Worker } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";
import type { WorkerReply } from "./serve-asks.ts";

/** What a pool runs. */
export interface WorkerPoolOptions {
  /** The program of a thread: it calls `serveAsks`. */
  readonly file: URL;
  /** What the threads do, for messages and in the list of threads; a few letters. */
  readonly name: string;
  /** Given to each thread at its start. */
  readonly data?: unknown;
  /** Most threads; each does one thing at a time. */
  readonly threads: number;
  /** Most questions that wait for a thread. */
  readonly mostWaiting: number;
  /** A thread that takes longer over one question is ended. @default no limit */
  readonly limit?: { readonly clock: Clock; readonly ms: number };
}

interface Question<Ask, Answer> {
  readonly ask: Ask;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread<Ask, Answer> {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  /** What it works on; undefined while it is free. */
  question: Question<Ask, Answer> | undefined;
  limit: Disposable | undefined;
}

/**
 * Threads that answer questions, so that what takes long stops nothing else. The first question starts the first
 * thread, and another one is only started when none is free. A thread that breaks or takes too long fails its
 * question alone.
 */
export class WorkerPool<Ask, Answer> implements AsyncDisposable {
  readonly #options: WorkerPoolOptions;
  readonly #threads = new Set<Thread<Ask, Answer>>();
  readonly #waiting: Question<Ask, Answer>[] = [];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /**
   * Asks a thread.
   * @throws what the thread threw: an AppError as it was, anything else as an Error with its `code`; AppError timeout
   *   when it took too long, exhausted when too many wait, unavailable when the thread broke or the pool is closed
   */
  ask(ask: Ask): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { name, mostWaiting } = this.#options;
      if (this.#closed) throw closed(name);
      if (this.#waiting.length >= mostWaiting) {
        throw new AppError("exhausted", `too much waits for the threads of ${name}; try again in a moment`);
      }
      this.#waiting.push({ ask, resolve, reject });
      this.#assign();
    });
  }

  /** Answers what was asked, then ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const threads = [...this.#threads];
    for (const thread of threads) if (thread.question === undefined) thread.worker.postMessage(null);
    await Promise.all(threads.map((thread) => thread.exited));
    for (const question of this.#waiting.splice(0)) question.reject(closed(this.#options.name));
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#free();
      if (thread === undefined) return;
      const question = this.#waiting.shift();
      if (question !== undefined) this.#give(thread, question);
    }
  }

  #give(thread: Thread<Ask, Answer>, question: Question<Ask, Answer>): void {
    const { limit, name } = this.#options;
    thread.question = question;
    thread.limit = limit?.clock.timer(limit.ms, () => {
      const seconds = Math.ceil(limit.ms / 1_000);
      this.#lost(thread, new AppError("timeout", `${name} took longer than ${seconds} s and was ended`));
      void thread.worker.terminate();
    });
    thread.worker.postMessage(question.ask);
  }

  #free(): Thread<Ask, Answer> | undefined {
    for (const thread of this.#threads) if (thread.question === undefined) return thread;
    return this.#threads.size < this.#options.threads ? this.#spawn() : undefined;
  }

  #spawn(): Thread<Ask, Answer> {
    const { file, name, data } = this.#options;
    const worker = new Worker(file, { workerData: data, name });
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const thread: Thread<Ask, Answer> = { worker, exited, question: undefined, limit: undefined };
    this.#threads.add(thread);
    worker.on("message", (reply: WorkerReply<Answer>) => {
      const { question } = thread;
      thread.question = undefined;
      thread.limit?.[Symbol.dispose]();
      if ("value" in reply) question?.resolve(reply.value);
      else question?.reject(asError(reply));
      this.#assign();
      if (this.#closed && thread.question === undefined) worker.postMessage(null);
    });
    const broke = (cause?: unknown) =>
      this.#lost(thread, new AppError("unavailable", `a thread of ${name} ended; try again`, cause));
    worker.on("error", broke);
    void exited.then(() => broke());
    return thread;
  }

  #lost(thread: Thread<Ask, Answer>, error: AppError): void {
    if (!this.#threads.delete(thread)) return;
    thread.limit?.[Symbol.dispose]();
    thread.question?.reject(error);
    thread.question = undefined;
    if (!this.#closed) this.#assign();
  }
}

function asError(reply: Extract<WorkerReply<never>, { error: string }>): Error {
  if (reply.appCode !== undefined) return new AppError(reply.appCode, reply.error);
  return Object.assign(new Error(reply.error), { code: reply.code });
}

function closed(name: string): AppError {
  return new AppError("unavailable", `the threads of ${name} are closed; the server is stopping`);
}
