import { Worker } from "node:worker_threads";
import { AppError } from "../../../lib/errors.ts";
import { databaseError } from "../database-errors.ts";
import type { LogCalls, LogReply, LogThreadOptions } from "./log-messages.ts";

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** The worker file beside this one: `.ts` when run from source, `.js` when built. */
const WORKER_FILE = new URL(import.meta.url.endsWith(".ts") ? "./log-worker.ts" : "./log-worker.js", import.meta.url);

/** A worker thread with a connection of its own to `logs.db`; calls are answered in any order. */
export class LogThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #lastId = 0;
  #ended: AppError | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.on("message", (replies: readonly LogReply[]) => {
      for (const reply of replies) this.#settle(reply);
    });
    worker.on("error", (error) =>
      this.#end(new AppError("unavailable", "the log thread broke; restart the server", error)),
    );
    worker.on("exit", () => this.#end(new AppError("unavailable", "the log store is closed; the server is stopping")));
  }

  /** Starts the thread and waits until its file is open. @throws AppError unavailable when it cannot be opened */
  static async start(options: LogThreadOptions): Promise<LogThread> {
    const worker = new Worker(WORKER_FILE, { workerData: options, name: `log ${options.role}` });
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => resolve());
      worker.once("error", (error) => {
        reject(new AppError("unavailable", `${options.path} cannot be opened; check its permissions and disk`, error));
      });
    });
    worker.removeAllListeners("error");
    return new LogThread(worker);
  }

  /** Asks for something; buffers in `transfer` move to the thread and are empty here afterwards. */
  call<Kind extends keyof LogCalls>(
    kind: Kind,
    ask: LogCalls[Kind]["ask"],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<LogCalls[Kind]["answer"]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, kind, ...ask }, [...transfer]);
    });
  }

  /** Lets the thread finish what it was asked for, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined) await this.call("close", {}).catch(() => undefined);
    await this.#exited;
  }

  #settle(reply: LogReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (pending === undefined) return;
    if ("error" in reply) pending.reject(databaseError(Object.assign(new Error(reply.error), { code: reply.code })));
    else pending.resolve(reply.value as never);
  }

  #end(why: AppError): void {
    this.#ended ??= why;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}
