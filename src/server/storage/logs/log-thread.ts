import { Worker } from "node:worker_threads";
import { AppError, type ErrorCode } from "../../../lib/errors.ts";
import { databaseError } from "../database-errors.ts";
import type { LogCalls, LogReply, LogThreadOptions } from "./log-messages.ts";

interface Pending {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Running {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  readonly exited: Promise<void>;
}

/** The worker file beside this one: `.ts` when run from source, `.js` when built. */
const WORKER_FILE = new URL(import.meta.url.endsWith(".ts") ? "./log-worker.ts" : "./log-worker.js", import.meta.url);

/**
 * A worker thread, with a connection of its own to `logs.db` where there is one. The first call starts it; when it breaks, its open calls
 * fail as `unavailable` and the next call starts it anew.
 */
export class LogThread implements AsyncDisposable {
  readonly #options: LogThreadOptions;
  #running: Running | undefined;
  #lastId = 0;
  #closed: boolean = false;

  constructor(options: LogThreadOptions) {
    this.#options = options;
  }

  /** Requests that are not answered yet. */
  get load(): number {
    return this.#running?.pending.size ?? 0;
  }

  /** Asks for something; the buffers in `transfer` are gone afterwards. @throws AppError unavailable when the thread breaks or is closed, or the disk is full */
  call<Kind extends keyof LogCalls>(
    kind: Kind,
    ask: LogCalls[Kind]["ask"],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<LogCalls[Kind]["answer"]> {
    if (this.#closed) {
      return Promise.reject(new AppError("unavailable", "the log store is closed; the server is stopping"));
    }
    this.start();
    return this.#post(kind, ask, transfer);
  }

  /** Starts the thread unless it runs. */
  start(): void {
    this.#running ??= this.#spawn();
  }

  /** Lets the thread finish what it was asked for, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const running = this.#running;
    if (running === undefined) return;
    await this.#post("close", {}, []).catch(() => undefined);
    await running.exited;
  }

  #post<Kind extends keyof LogCalls>(
    kind: Kind,
    ask: LogCalls[Kind]["ask"],
    transfer: readonly ArrayBuffer[],
  ): Promise<LogCalls[Kind]["answer"]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#running?.pending.set(id, { resolve, reject });
      this.#running?.worker.postMessage({ id, kind, ...ask }, transfer);
    });
  }

  #spawn(): Running {
    const worker = new Worker(WORKER_FILE, { workerData: this.#options, name: `log ${this.#options.role}` });
    const pending = new Map<number, Pending>();
    const end = (cause?: Error): void => {
      if (this.#running?.worker === worker) this.#running = undefined;
      const error = new AppError("unavailable", "the log thread ended; its next call starts it anew", cause);
      for (const { reject } of pending.values()) reject(error);
      pending.clear();
    };
    worker.on("message", (replies: readonly LogReply[]) => {
      for (const reply of replies) settle(pending, reply);
    });
    worker.on("error", end);
    const exited = new Promise<void>((resolve) => {
      worker.once("exit", () => {
        end();
        resolve();
      });
    });
    return { worker, pending, exited };
  }
}

function settle(pending: Map<number, Pending>, reply: LogReply): void {
  const waiting = pending.get(reply.id);
  pending.delete(reply.id);
  if (waiting === undefined) return;
  if (!("error" in reply)) waiting.resolve(reply.value as never);
  else if (reply.isAppError) waiting.reject(new AppError(reply.code as ErrorCode, reply.error));
  else waiting.reject(databaseError(Object.assign(new Error(reply.error), { code: reply.code })));
}
