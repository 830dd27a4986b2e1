import type { Logger } from "../lib/logger.ts";
import { WakeUp } from "../lib/wake-up.ts";
import type { Task } from "../protocol/messages.ts";
import type { Outcome } from "./engine/job-event.ts";

/** So many tasks that ended are remembered: an offer of one may still be on its way. */
const REMEMBERED = 1_000;

/** How tasks are run. */
export interface TaskSlotsOptions {
  /** Tasks at the same time. */
  readonly capacity: number;
  /** Take so many tasks and no more. @default no limit */
  readonly maxTasks?: number;
  /** Runs one task; never rejects. `cancelled` aborts when the server wants it stopped. */
  readonly run: (task: Task, options: { cancelled: AbortSignal }) => Promise<Outcome>;
  readonly logger: Logger;
}

/** The tasks that a runner runs, and its free slots. */
export class TaskSlots {
  readonly #options: TaskSlotsOptions;
  readonly #running = new Map<bigint, { readonly ended: Promise<Outcome>; readonly cancel: AbortController }>();
  /** Came while all slots were taken: the server heard of an end a moment before the slot was free. */
  readonly #next: Task[] = [];
  /** Tasks that ended, the oldest first. */
  readonly #ended = new Set<bigint>();
  readonly #freed = new WakeUp();
  #taken = 0;
  #lastResult: Outcome | undefined;

  constructor(options: TaskSlotsOptions) {
    this.#options = options;
  }

  /** Tasks at the same time. */
  get capacity(): number {
    return this.#options.capacity;
  }

  /** Result of the task that ended last. */
  get lastResult(): Outcome | undefined {
    return this.#lastResult;
  }

  /** Ids of the tasks that were taken and have not ended. */
  get held(): bigint[] {
    return [...this.#running.keys(), ...this.#next.map(({ id }) => id)];
  }

  /** Whether no task can begin now. */
  get full(): boolean {
    return this.#running.size >= this.#options.capacity;
  }

  /** So many tasks can begin now. */
  get room(): number {
    const { capacity, maxTasks = Number.POSITIVE_INFINITY } = this.#options;
    return Math.max(0, Math.min(capacity - this.held.length, maxTasks - this.#taken));
  }

  /** Whether as many tasks were taken as were wanted. */
  get enough(): boolean {
    return this.#taken >= (this.#options.maxTasks ?? Number.POSITIVE_INFINITY);
  }

  /** Takes a task. One that is held already or has ended here is ignored, and so is one beyond `maxTasks`. */
  take(task: Task): void {
    if (this.#ended.has(task.id)) {
      this.#options.logger.warn({ task: String(task.id) }, "the server offered a task again that has ended; ignored");
    } else if (this.held.includes(task.id)) {
      this.#options.logger.warn({ task: String(task.id) }, "the server offered a task again that is running; ignored");
    } else if (!this.enough) {
      this.#taken += 1;
      if (this.full) this.#next.push(task);
      else this.#start(task);
    }
  }

  /** The server wants a task stopped; one that is not held is no news. */
  cancel(taskId: bigint): void {
    const waiting = this.#next.findIndex(({ id }) => id === taskId);
    if (waiting >= 0) this.#next.splice(waiting, 1);
    this.#running.get(taskId)?.cancel.abort();
  }

  /** Resolves when a slot may be free, or the signal aborts. */
  async free(options: { signal: AbortSignal }): Promise<void> {
    await this.#freed.wait(options);
  }

  /** Resolves when no task is running. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }

  #start(task: Task): void {
    const cancel = new AbortController();
    const ended = this.#options.run(task, { cancelled: cancel.signal }).then((result) => {
      this.#running.delete(task.id);
      this.#remember(task.id);
      this.#lastResult = result;
      const next = this.#next.shift();
      if (next !== undefined) this.#start(next);
      this.#freed.wake();
      return result;
    });
    this.#running.set(task.id, { ended, cancel });
  }

  #remember(taskId: bigint): void {
    this.#ended.add(taskId);
    if (this.#ended.size <= REMEMBERED) return;
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }
}
