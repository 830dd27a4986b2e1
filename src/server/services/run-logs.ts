import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import type { TaskStep } from "../domain/task.ts";
import type { LogRow } from "../storage/log-store.ts";
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

  /** Whether the runner has said that no more rows follow. */
  finished(taskId: number): Promise<boolean> {
    return this.#store.logs.finished(taskId);
  }

  /** Number of rows that are stored now. */
  length(taskId: number): Promise<number> {
    return this.#store.logs.length(taskId);
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
    if (await this.#store.logs.finished(taskId)) return true;
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

/** A row as Gitea writes it into log files: the time in UTC with seven digits, a space, the text. */
export function logLine(row: LogRow): string {
  const whole = Math.floor(row.time);
  const fraction = Math.round((row.time - whole) * 10_000);
  const time = new Date(whole).toISOString();
  return `${time.slice(0, -1)}${String(Math.min(9_999, fraction)).padStart(4, "0")}Z ${row.content}`;
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
