import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { LogRow } from "../domain/log-rows.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import type { TaskStep } from "../domain/task.ts";

import type { LogState } from "../storage/log-store.ts";
import type { Store } from "../storage/store.ts";

/** A row of a log with its place. */
export interface NumberedRow extends LogRow {
  /** From 0, without gaps. */
  readonly index: number;
}

/** Rows that are read at once. */
const BATCH = 1_000;
/** A tail looks at the task again after so long, whatever it was told: rows may come through another replica. */
const LOOK_AGAIN_MS = 1_000;
/** A job that has ended may be sent the rest of its log for so long. */
const LATE_ROWS_MS = 5_000;

/** Reads the logs of tasks: stored rows, and rows as they come. */
export class RunLogs {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /** Rows from `from` on, at most `limit` of them, as they are stored now. */
  async *rows(
    taskId: number,
    options: { readonly from?: number; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<NumberedRow> {
    let next = options.from ?? 0;
    const end = next + (options.limit ?? Number.POSITIVE_INFINITY);
    while (next < end) {
      options.signal?.throwIfAborted();
      const batch = await this.#store.logs.read(taskId, next, Math.min(BATCH, end - next));
      if (batch.length === 0) return;
      for (const row of batch) yield { ...row, index: next++ };
    }
  }

  /** How the log stands now. */
  state(taskId: number): Promise<LogState> {
    return this.#store.logs.state(taskId);
  }

  /** The same rows as text, as Gitea writes them into files, in pieces of some size. */
  async *text(
    taskId: number,
    options: { readonly from: number; readonly limit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { from, limit, signal } = options;
    for (let next = from; next < from + limit && !signal.aborted; ) {
      const { rows, text } = await this.#store.logs.text(taskId, next, from + limit - next);
      if (rows === 0) return;
      yield text;
      next += rows;
    }
  }

  /**
   * Rows from `from` on, then those that come. Ends when the task has ended and its log is read to the end. A task
   * whose runner never closes the log ends its tail a few seconds after its own end.
   */
  async *tail(
    taskId: number,
    options: { readonly from?: number; readonly signal: AbortSignal },
  ): AsyncGenerator<NumberedRow> {
    let next = options.from ?? 0;
    using changes = this.#changes(taskId);
    for (;;) {
      // Asked before reading, so that a row that comes in between is never missed.
      const mark = changes.mark();
      const over = await this.#isOver(taskId);
      for await (const row of this.rows(taskId, { from: next, signal: options.signal })) {
        yield row;
        next = row.index + 1;
      }
      if (over) return;
      await changes.wait(mark, options.signal);
    }
  }

  async #isOver(taskId: number): Promise<boolean> {
    const task = await this.#store.read.tasks.get(taskId);
    if (task === undefined) return true;
    if (!isConclusion(task.status)) return false;
    if ((await this.#store.logs.state(taskId)).finished) return true;
    return this.#clock.now() - (task.stoppedAt ?? 0) > LATE_ROWS_MS;
  }

  #changes(taskId: number): Disposable & { mark(): number; wait(mark: number, signal: AbortSignal): Promise<void> } {
    let count = 0;
    let wake: (() => void) | undefined;
    const listener = this.#store.logs.onChange(taskId, () => {
      count++;
      wake?.();
    });
    return {
      mark: () => count,
      wait: async (mark, signal) => {
        if (count !== mark) return;
        const waiting = new AbortController();
        wake = () => waiting.abort();
        await this.#clock.sleep(LOOK_AGAIN_MS, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => {});
        wake = undefined;
        signal.throwIfAborted();
      },
      [Symbol.dispose]: () => listener[Symbol.dispose](),
    };
  }
}

/** The rows of one step. @throws AppError not_found when the task has no such step */
export function stepRange(steps: readonly TaskStep[], number: number): { from: number; limit: number } {
  const step = steps[number - 1];
  if (step === undefined) throw new AppError("not_found", `the job has no step ${number}; it has ${steps.length}`);
  return { from: step.logIndex, limit: step.logLength };
}

/** The task whose log is meant. @throws AppError not_found before a runner took the job */
export function requireTask<T>(task: T | undefined, job: Job): T {
  if (task !== undefined) return task;
  const why = job.message === null ? `it is ${job.status}` : job.message;
  throw new AppError("not_found", `job ${job.id} has no log yet: ${why}`);
}
