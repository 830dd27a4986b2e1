import type { Clock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Schedule } from "../../lib/schedule.ts";
import type { CronState } from "../storage/housekeeping-store.ts";
import type { Store } from "../storage/store.ts";

/** A job that is done from time to time, by one replica. */
export interface CronJob {
  readonly name: string;
  /** Null: only when somebody asks for it. */
  readonly schedule: Schedule | null;
  /** Does it, in parts small enough to end soon after the signal aborts. @returns one sentence on what it did */
  readonly run: (options: { readonly signal: AbortSignal }) => Promise<string>;
}

/** A periodic job as it stands; times are epoch ms. */
export interface CronView {
  readonly name: string;
  readonly schedule: Schedule | null;
  /** When it is due; null: never by itself. */
  readonly next: number | null;
  readonly state: CronState | undefined;
}

/** A replica that crashed in the middle of a job holds it up for so long. */
const LEASE_MS = 60_000;
/** What another replica left undone is looked for so often. */
const LOOK_EVERY_MS = 60_000;

/**
 * Does the periodic jobs when they are due. Each moment's job is done by one of the replicas, which holds a lease in the
 * database meanwhile; when it crashes, another one does it again. What was due while no server ran is not made up for.
 */
export class CronRunner implements AsyncDisposable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #holder: string;
  readonly #jobs: ReadonlyMap<string, CronJob>;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #loop: Promise<void> | undefined;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    /** Name of this process among the replicas. */
    readonly holder: string;
    readonly jobs: readonly CronJob[];
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#holder = deps.holder;
    this.#jobs = new Map(deps.jobs.map((job) => [job.name, job]));
  }

  /** Begins to watch the schedules. */
  start(): void {
    this.#loop ??= this.#watch(this.#stopping.signal);
  }

  /** All jobs, by name. @throws AppError unavailable when the database is away */
  async list(): Promise<readonly CronView[]> {
    const states = new Map((await this.#store.read.housekeeping.crons()).map((state) => [state.name, state]));
    const now = this.#clock.now();
    return [...this.#jobs.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, schedule }) => {
        const next = schedule?.next(now) ?? Number.POSITIVE_INFINITY;
        return { name, schedule, next: Number.isFinite(next) ? next : null, state: states.get(name) };
      });
  }

  /** Begins a job now; it goes on in the background. @throws AppError not_found; conflict while one is at it */
  async runNow(name: string): Promise<void> {
    const job = this.#jobs.get(name);
    if (job === undefined) {
      throw new AppError(
        "not_found",
        `there is no periodic job ${name}; there are ${[...this.#jobs.keys()].join(", ")}`,
      );
    }
    if (!(await this.#begin(job, this.#clock.now()))) {
      throw new AppError("conflict", `the periodic job ${name} is running already; wait until it has ended`);
    }
  }

  /** Stops what runs and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await Promise.all(this.#running);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    let from = this.#clock.now();
    while (!signal.aborted) {
      const now = this.#clock.now();
      const nextOf = ({ schedule }: CronJob) => schedule?.next(now) ?? Number.POSITIVE_INFINITY;
      const next = Math.min(...[...this.#jobs.values()].map(nextOf), now + LOOK_EVERY_MS);
      await this.#clock.sleep(Math.max(0, next - now), { signal }).catch(() => undefined);
      if (signal.aborted) return;
      from = await this.#round(from);
    }
  }

  /** Begins what has become due since `from`, and what a crashed replica left. @returns until when it looked */
  async #round(from: number): Promise<number> {
    const now = this.#clock.now();
    try {
      for (const job of this.#jobs.values()) {
        const due = job.schedule?.next(from) ?? Number.POSITIVE_INFINITY;
        if (due <= now) await this.#begin(job, due);
      }
      for (const state of await this.#store.read.housekeeping.crons()) {
        const job = this.#jobs.get(state.name);
        if (job !== undefined && state.abandoned) await this.#begin(job, state.dueAt ?? now);
      }
    } catch (error) {
      this.#log.warn({ error: errorText(error) }, "periodic jobs cannot be begun now; the next ones will be");
    }
    return now;
  }

  /** @returns false when another one is at it, or has done it */
  async #begin(job: CronJob, dueAt: number): Promise<boolean> {
    const { name } = job;
    const begun = await this.#store.write((tx) => tx.housekeeping.beginCron(name, this.#holder, dueAt, LEASE_MS));
    if (!begun) return false;
    const running = this.#run(job).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return true;
  }

  /** Never rejects. */
  async #run({ name, run }: CronJob): Promise<void> {
    const startedAt = this.#clock.now();
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, lost.signal]);
    const ended = new AbortController();
    const keeping = this.#keep(name, lost, ended.signal);
    let outcome: string;
    try {
      outcome = await run({ signal });
      this.#log.info({ cron: name, outcome, tookMs: this.#clock.now() - startedAt }, "a periodic job has ended");
    } catch (error) {
      outcome = `failed: ${error instanceof AppError ? error.message : "the server's log has the details"}`;
      this.#log.error({ cron: name, error: errorText(error) }, "a periodic job has failed");
    }
    ended.abort();
    await keeping;
    try {
      await this.#store.write((tx) => tx.housekeeping.endCron(name, this.#holder, outcome));
    } catch (error) {
      this.#log.warn(
        { cron: name, error: errorText(error) },
        "the end of a periodic job was not noted; its lease ends it",
      );
    }
  }

  async #keep(name: string, lost: AbortController, ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      await this.#clock.sleep(LEASE_MS / 3, { signal: ended }).catch(() => undefined);
      if (ended.aborted) return;
      try {
        const kept = await this.#store.write((tx) => tx.housekeeping.keepCron(name, this.#holder, LEASE_MS));
        if (!kept) lost.abort();
      } catch (error) {
        this.#log.warn({ cron: name, error: errorText(error) }, "the lease of a periodic job was not kept");
      }
    }
  }
}
