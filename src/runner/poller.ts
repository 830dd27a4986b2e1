import { backOffMs } from "../lib/back-off.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { PREFER_HEADER, REQUEST_KEY_HEADER } from "../protocol/headers.ts";
import type { Task } from "../protocol/messages.ts";
import { askForTasks } from "./ask-for-tasks.ts";
import { classifyCallError, isDeadline } from "./call-failure.ts";
import type { RunnerClient } from "./client.ts";
import { Outage } from "./report/outage.ts";
import type { TaskSlots } from "./task-slots.ts";

/** How a runner asks for tasks. */
export interface PollerOptions {
  readonly client: RunnerClient;
  /** Where tasks go. */
  readonly slots: TaskSlots;
  /** Stop when the first answer has no task. @default false */
  readonly onlyNow?: boolean;
  /** Ask for the job with this handle and no other. @default any */
  readonly handle?: string;
  /** Deadline of a call to a server that answers at once. */
  readonly fetchTimeoutMs: number;
  /** The server said that it holds a call until there is a task. A server that does so without a word is found out. */
  readonly parks: boolean;
  readonly intervalMs: number;
  readonly intervalMaxMs: number;
  /** Whether the machine cannot take work now; it is not asked for any then. @default never */
  readonly isUnfit?: () => Promise<boolean>;
  /** Told of every answered and every failed call. */
  readonly onPoll?: (answered: boolean) => void;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

/** Why the polling ended. */
export type PollEnd = "stopped" | "enough" | "no-task" | "unregistered";

/** Deadline of a call to a server that parks it; ours answers after 45 s at the latest. */
const PARKED_TIMEOUT_MS = 50_000;
/** How long a server that answers at once may take when the runner stops. */
const ANSWER_GRACE_MS = 1_000;
/** An empty answer that took this part of the deadline was parked. */
const PARKED_SHARE = 0.8;

type Answer =
  | { kind: "tasks"; tasks: readonly Task[] }
  | { kind: "empty" }
  | { kind: "failed" }
  | { kind: "unregistered" };

/**
 * Asks for tasks while there is a free slot: slot first, then the call, so that a task never waits here. After tasks it
 * asks again at once; after an empty or failed call it pauses.
 */
export class Poller {
  readonly #options: PollerOptions;
  readonly #outage: Outage;
  #version = 0n;
  #empty = 0;
  #askedAt = 0;
  #parks: boolean;
  #requestKey: string;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#outage = new Outage(options.logger, "FetchTask");
    this.#requestKey = options.ids.uuid();
    this.#parks = options.parks;
  }

  /**
   * Polls until the signal aborts or there is nothing more to ask for; tasks may still be running then.
   * @throws AppError invalid when the server cannot be asked for that job
   */
  async run(options: { signal: AbortSignal }): Promise<PollEnd> {
    const { signal } = options;
    const { slots, isUnfit, onlyNow = false } = this.#options;
    while (!signal.aborted) {
      if (slots.enough) return "enough";
      if (slots.full) {
        await slots.free({ signal });
        continue;
      }
      if ((await isUnfit?.()) === true) {
        await this.#rest(signal);
        continue;
      }
      const answer = await this.#fetch(signal);
      if (answer.kind === "unregistered") return "unregistered";
      if (answer.kind === "tasks") for (const task of answer.tasks) slots.take(task);
      else if (answer.kind === "empty" && onlyNow) return "no-task";
      else await this.#pause(signal);
    }
    return "stopped";
  }

  /**
   * One call. When the runner stops, the answer of a server that does not park is waited for a moment: the task in it
   * would be lost, since such a server believes that it runs.
   */
  async #fetch(signal: AbortSignal): Promise<Answer> {
    const { client, clock, onPoll, slots } = this.#options;
    const { onlyNow = false, handle } = this.#options;
    const timeoutMs = this.#parks && !onlyNow ? PARKED_TIMEOUT_MS : this.#options.fetchTimeoutMs;
    this.#askedAt = clock.now();
    using givingUp = abortAfter(signal, clock, this.#parks ? 0 : ANSWER_GRACE_MS);
    try {
      const { tasks, tasksVersion } = await askForTasks(
        client,
        { tasksVersion: this.#version, handle, room: slots.room },
        {
          timeoutMs,
          headers: { [REQUEST_KEY_HEADER]: this.#requestKey, ...(onlyNow ? { [PREFER_HEADER]: "wait=0" } : {}) },
          signal: givingUp.signal,
        },
      );
      this.#requestKey = this.#options.ids.uuid();
      this.#outage.succeeded();
      onPoll?.(true);
      const empty = tasks.length === 0;
      // after a task the next call has to make the server look again: it may have more for us
      this.#version = empty ? (tasksVersion > this.#version ? tasksVersion : this.#version) : 0n;
      this.#empty = empty ? this.#empty + 1 : 0;
      if (empty && clock.now() - this.#askedAt >= timeoutMs * PARKED_SHARE) this.#parks = true;
      return empty ? { kind: "empty" } : { kind: "tasks", tasks };
    } catch (error) {
      if (signal.aborted) return { kind: "empty" };
      if (error instanceof AppError) throw error;
      if (classifyCallError(error) === "unregistered") return { kind: "unregistered" };
      if (isDeadline(error)) {
        this.#empty += 1;
        return { kind: "empty" };
      }
      this.#outage.failed(error);
      onPoll?.(false);
      return { kind: "failed" };
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(this.#options.intervalMaxMs, { signal }).catch(() => undefined);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, ids, intervalMs, intervalMaxMs } = this.#options;
    // a server that parks has waited already; one that answers at once, though it parks, has a reason
    if (this.#parks && this.#outage.failures === 0 && clock.now() - this.#askedAt >= intervalMs) return;
    const count = Math.max(this.#empty, this.#outage.failures);
    const wait = backOffMs(count, { baseMs: intervalMs, maxMs: intervalMaxMs }, ids);
    await clock.sleep(wait, { signal }).catch(() => undefined);
  }
}

/** A signal that aborts `ms` after another one. */
function abortAfter(signal: AbortSignal, clock: Clock, ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const stack = new DisposableStack();
  const onAbort = () => {
    if (ms === 0) controller.abort();
    else stack.use(clock.timer(ms, () => controller.abort()));
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  stack.defer(() => signal.removeEventListener("abort", onAbort));
  return { signal: controller.signal, [Symbol.dispose]: () => stack.dispose() };
}
