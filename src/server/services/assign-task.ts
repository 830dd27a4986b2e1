import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { parseJobHandle } from "../domain/job-handle.ts";
import type { Runner } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { OfferAgain } from "./offer-again.ts";
import type { TaskChanges } from "./task-changes.ts";
import type { TaskPayload } from "./task-payload.ts";
import type { TasksVersions } from "./tasks-versions.ts";

/** The answer is sent so much before the caller's deadline. */
const MARGIN_MS = 500;
/** Longest wait. Proxies give up later: nginx after 60 s, HAProxy with Debian's settings after 50 s; stock runners wait up to 60 s. */
const LONGEST_PARK_MS = 45_000;
/** Wait for a caller that names no deadline: stock runners give up after 5 s. */
const PARK_WITHOUT_DEADLINE_MS = 4_000;

/** Calls that wait longer than that are answered together with all others that are due in the same tenth of a second. */
const LONG_WAIT_MS = 1_000;
const TOGETHER_MS = 100;

/** One FetchTask call. */
export interface Fetch {
  /** Time the caller still gives, or undefined when it named none. */
  readonly timeoutMs: number | undefined;
  /** Longest wait that the caller wants, or undefined when it did not say. */
  readonly waitMs?: number | undefined;
  /** The caller's idempotency key, or null. */
  readonly requestKey: string | null;
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
}

/** The answer to a FetchTask call. */
export interface Assignment {
  readonly payload: TaskPayload | undefined;
  readonly tasksVersion: number;
}

/** Most tasks that one answer holds. */
const MOST_TASKS = 64;

/** A call in progress under an idempotency key. */
interface KeyedCall {
  readonly abort: AbortController;
  readonly done: Promise<unknown>;
}

/**
 * Gives tasks to polling runners: first what the runner was given and never acknowledged, under the same task id and a
 * new token; then the next waiting job. An idle call makes no SQL.
 */
export class AssignTask {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #offerAgain: OfferAgain;
  readonly #versions: TasksVersions;
  readonly #dispatcher: Dispatcher;
  readonly #changes: TaskChanges;
  readonly #keyed = new Map<string, KeyedCall>();

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    readonly offerAgain: OfferAgain;
    readonly versions: TasksVersions;
    readonly dispatcher: Dispatcher;
    readonly changes: TaskChanges;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#offerAgain = deps.offerAgain;
    this.#versions = deps.versions;
    this.#dispatcher = deps.dispatcher;
    this.#changes = deps.changes;
  }

  /** The next task of a runner; waits for one until shortly before the deadline. @throws AppError unavailable when the database is away */
  async fetch(runner: Runner, call: Fetch): Promise<Assignment> {
    const tasksVersion = this.#versions.known(runner.scope) ?? (await this.#versions.current(runner.scope));
    const payload =
      call.requestKey === null ? await this.#next(runner, call) : await this.#nextKeyed(runner, call, call.requestKey);
    return { payload, tasksVersion };
  }

  /**
   * Tasks beside the one that a call with room for `capacity` was given, without waiting. Each has a key of its own made
   * of the call's, so that the repeated call is given all of them again. What fails ends the list: the first must not be lost.
   */
  async more(runner: Runner, call: Fetch, capacity: number): Promise<readonly TaskPayload[]> {
    const payloads: TaskPayload[] = [];
    try {
      while (payloads.length + 1 < Math.min(capacity, MOST_TASKS) && !call.signal.aborted) {
        const requestKey = call.requestKey === null ? null : `${call.requestKey}+${payloads.length + 1}`;
        // The first task must not come too late on account of the others.
        const payload = await this.#next(runner, { ...call, timeoutMs: MARGIN_MS, waitMs: 0, requestKey });
        if (payload === undefined) break;
        payloads.push(payload);
      }
    } catch (error) {
      this.#log.warn({ runner: runner.id, error: String(error) }, "a runner gets fewer tasks than it has room for");
    }
    return payloads;
  }

  /** The task of the attempt of a job that has the handle, if it waits and this runner may have it; never waits. */
  async fetchByHandle(runner: Runner, handle: string, call: Fetch): Promise<Assignment> {
    const tasksVersion = this.#versions.known(runner.scope) ?? (await this.#versions.current(runner.scope));
    const wanted = parseJobHandle(handle);
    const job = wanted === undefined ? undefined : await this.#store.read.jobs.get(wanted.jobId);
    if (job === undefined || job.attempt !== wanted?.attempt) return { payload: undefined, tasksVersion };
    if (runner.boundJobId !== null && runner.boundJobId !== job.id) return { payload: undefined, tasksVersion };
    const again = this.#offerAgain.due(runner.id, call.requestKey).open;
    if (again?.task.jobId === job.id) return { payload: await this.#offerAgain.offer(again), tasksVersion };
    const { requestKey, signal } = call;
    const answerBy = this.#clock.now() + longestMs(call);
    const wanting = { ...runner, boundJobId: job.id };
    const made = await this.#dispatcher.next(wanting, { until: 0, answerBy, requestKey, signal });
    return { payload: made?.payload, tasksVersion };
  }

  /** The answer with this task never left the server: the job goes to another runner at once, if the task was offered only that once. */
  async giveBack(taskId: number): Promise<void> {
    const task = await this.#changes.change(taskId, { type: "given-back" }, null);
    if (task?.cause === "not_acknowledged")
      this.#log.info({ task: taskId }, "the runner went away before it was answered; the job waits again");
  }

  /** A repeated key takes over from the earlier call: that one ends, and what it was given is given again. */
  async #nextKeyed(runner: Runner, call: Fetch, key: string): Promise<TaskPayload | undefined> {
    const name = `${runner.id} ${key}`;
    const earlier = this.#keyed.get(name);
    earlier?.abort.abort();
    const abort = new AbortController();
    const work = (async () => {
      await earlier?.done;
      return await this.#next(runner, { ...call, signal: AbortSignal.any([call.signal, abort.signal]) });
    })();
    const mine: KeyedCall = { abort, done: work.catch(() => undefined) };
    this.#keyed.set(name, mine);
    try {
      return await work;
    } finally {
      if (this.#keyed.get(name) === mine) this.#keyed.delete(name);
    }
  }

  async #next(runner: Runner, call: Fetch): Promise<TaskPayload | undefined> {
    const { waitMs = Number.POSITIVE_INFINITY, requestKey, signal } = call;
    const answerBy = this.#clock.now() + longestMs(call);
    const due = together(Math.min(answerBy, this.#clock.now() + waitMs), this.#clock.now());
    for (;;) {
      const again = this.#offerAgain.due(runner.id, requestKey);
      if (again.open !== undefined) {
        const payload = await this.#offerAgain.offer(again.open);
        if (payload !== undefined) return payload;
        continue;
      }
      const until = Math.min(due, again.at);
      const made = await this.#dispatcher.next(runner, { until, answerBy, requestKey, signal });
      if (made !== undefined) return made.payload;
      // The claim found what another replica gave to an earlier call with the key.
      if (requestKey !== null && this.#offerAgain.due(runner.id, requestKey).open !== undefined) continue;
      if (until >= due || signal.aborted || this.#clock.now() >= due) return undefined;
      if (this.#clock.now() < until) return undefined;
    }
  }
}

/** A little before its time: a thousand idle runners wake the server ten times a second then, instead of each by itself. */
function together(due: number, now: number): number {
  return due - now < LONG_WAIT_MS ? due : due - (due % TOGETHER_MS);
}

/** How long a call may take at most. */
function longestMs({ timeoutMs }: Fetch): number {
  return timeoutMs === undefined ? PARK_WITHOUT_DEADLINE_MS : Math.min(timeoutMs - MARGIN_MS, LONGEST_PARK_MS);
}

/** Checks an idempotency key of the wire. @throws AppError invalid when it is too long to be one */
export function checkedRequestKey(text: string | null): string | null {
  if (text === null || text === "") return null;
  if (text.length > 64) throw new AppError("invalid", "the request key is longer than 64 characters; send a UUID");
  return text;
}
