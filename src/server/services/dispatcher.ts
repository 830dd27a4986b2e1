import type { Clock } from "../../lib/clock.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { DispatchRules } from "../domain/dispatch-rules.ts";
import { isReserved } from "../domain/is-reserved.ts";
import type { Runner } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";
import type { ChangeBus } from "./change-bus.ts";
import { Deadlines } from "./deadlines.ts";
import type { DispatchSettings } from "./dispatch-settings.ts";
import type { JobClaims, MadeTask } from "./job-claims.ts";
import type { JobGraphChange } from "./job-graph-port.ts";
import type { OpenTasks } from "./open-tasks.ts";
import { type ParkedPoll, ParkedPolls, type ParkOutcome } from "./parked-polls.ts";
import type { Presence } from "./presence.ts";
import { ReservedJobs } from "./reserved-jobs.ts";
import type { TasksVersions } from "./tasks-versions.ts";
import { keptUntil, type WaitingJob, WaitingJobs } from "./waiting-jobs.ts";

const PAGE = 500;
/** A claim that begins when the answer is due gets this time all the same; the answer's margin covers it. */
const LEAST_CLAIM_MS = 500;

/** How long and for whom a poll waits. */
export interface PollOptions {
  /** Epoch ms until which there may be no answer because there is no job. */
  readonly until: number;
  /** Epoch ms at which the caller has to be answered: a claim that takes longer makes no task. @default `until` */
  readonly answerBy?: number;
  readonly requestKey: string | null;
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
}

/**
 * Brings waiting jobs and polling runners together. The memory (who waits for what) is a hint that makes idle polls
 * free of SQL; each claim is decided by the database. Matching jobs and runners never wait side by side: a job that
 * becomes ready goes to the best parked poll at once, and a poll that loses a race takes the next job.
 */
export class Dispatcher {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #claims: JobClaims;
  readonly #openTasks: OpenTasks;
  readonly #presence: Presence;
  readonly #versions: TasksVersions;
  readonly #settings: DispatchSettings;
  readonly #bus: ChangeBus;
  readonly #onChange: (change: JobGraphChange) => void;
  readonly #onRunnerChange: (runnerId: number) => void;
  readonly #waiting = new WaitingJobs();
  readonly #parked = new ParkedPolls();
  readonly #deadlines: Deadlines;
  readonly #reserved: ReservedJobs;
  /** Jobs that are being claimed or handed to a poll; nobody else may try them. */
  readonly #taken = new Set<number>();
  /** Wake those jobs that are kept for runners with a preferred label. */
  readonly #kept = new Map<number, Disposable>();
  #stopped = false;
  #held = false;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    readonly claims: JobClaims;
    readonly openTasks: OpenTasks;
    readonly presence: Presence;
    readonly versions: TasksVersions;
    readonly settings: DispatchSettings;
    readonly bus: ChangeBus;
    /** Acts on what the failure of a job that cannot be built led to. */
    readonly onChange: (change: JobGraphChange) => void;
    /** Told of every runner whose row was changed or deleted. */
    readonly onRunnerChange: (runnerId: number) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#deadlines = new Deadlines(deps.clock);
    this.#reserved = new ReservedJobs(deps.clock);
    this.#log = deps.log;
    this.#claims = deps.claims;
    this.#openTasks = deps.openTasks;
    this.#presence = deps.presence;
    this.#versions = deps.versions;
    this.#settings = deps.settings;
    this.#bus = deps.bus;
    this.#onChange = deps.onChange;
    this.#onRunnerChange = deps.onRunnerChange;
  }

  /** Numbers for metrics. */
  get counts(): { readonly waitingJobs: number; readonly parkedPolls: number } {
    return { waitingJobs: this.#waiting.size + this.#reserved.size, parkedPolls: this.#parked.size };
  }

  /**
   * The next task for a runner, already claimed; undefined when there was none until `until`, or the caller is gone.
   * @throws AppError unavailable when the database is away
   */
  async next(polling: Runner, options: PollOptions): Promise<MadeTask | undefined> {
    const { until, signal } = options;
    let runner: Runner | undefined = polling;
    while (runner !== undefined && !signal.aborted && !this.#stopped) {
      const labels = new Set(runner.labels);
      const eligible = this.#isEligible(runner);
      let job = eligible ? this.#take(runner, labels) : undefined;
      if (job === undefined) {
        if (this.#clock.now() >= until) return undefined;
        const outcome = await this.#park(runner, labels, eligible, until, signal);
        if (outcome.kind === "over") return undefined;
        if (outcome.kind === "runner-changed") {
          runner = await this.#store.read.runners.get(runner.id);
          continue;
        }
        job = outcome.job;
      }
      const made = await this.#try(job, runner, options);
      if (made === "refused" || made === "late") return undefined;
      if (made !== "lost") return made;
    }
    return undefined;
  }

  /** Jobs became `waiting` and that is durable. What no poll takes here is told to the other replicas. */
  jobsReady(jobs: readonly WaitingJob[]): void {
    this.jobsWaitElsewhere(jobs);
    this.#tellWaiting(jobs);
  }

  /** Jobs wait, and the other replicas know it. */
  jobsWaitElsewhere(jobs: readonly WaitingJob[]): void {
    for (const job of jobs) {
      this.#versions.grow(job);
      if (!this.#taken.has(job.id)) this.#offer(job);
    }
  }

  /** Waiting jobs are kept for others than before, and that is durable. */
  jobsChanged(jobs: readonly WaitingJob[]): void {
    this.jobsGone(jobs.map(({ id }) => id));
    this.jobsReady(jobs);
  }

  /** Jobs no longer wait (they were cancelled, or another replica has them). Not telling it costs a claim that fails. */
  jobsGone(jobIds: readonly number[]): void {
    for (const id of jobIds) {
      this.#waiting.remove(id);
      this.#reserved.take(id);
    }
  }

  /** The runner's row was changed or deleted: its parked polls look at it anew, here and at the other replicas. */
  runnerChanged(runnerId: number): void {
    this.runnerChangedElsewhere(runnerId);
    this.#bus.publish([{ kind: "runner", runnerId }]);
  }

  /** The same where the other replicas know it. */
  runnerChangedElsewhere(runnerId: number): void {
    for (const poll of this.#parked.ofRunner(runnerId)) this.#parked.end(poll, { kind: "runner-changed" });
    this.#onRunnerChange(runnerId);
  }

  /** Brings the memory in line with the database: at the start, and then every few seconds. */
  async reconcile(): Promise<void> {
    await this.#settings.load();
    const mark = this.#waiting.mark;
    const reserved = this.#reserved.ids;
    const seen = new Set<number>();
    let after = 0;
    for (;;) {
      const page = await this.#store.read.jobs.listWaiting(after, PAGE);
      for (const job of page) {
        seen.add(job.id);
        if (this.#taken.has(job.id)) continue;
        if (this.#isReserved(job)) {
          this.#offer(job);
          continue;
        }
        this.#reserved.take(job.id);
        this.#waiting.add(job);
        this.#wakeLater(job, this.#settings.of(job.repositoryId));
      }
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.id;
    }
    this.#waiting.dropUnseen(seen, mark);
    for (const id of reserved) if (!seen.has(id)) this.#reserved.take(id);
    if (this.#parked.size > 0) for (const job of this.#waiting.inOrder()) this.#offer(job);
  }

  /** Offers no work while held; what runs goes on. Polls wait meanwhile as if there was none. */
  hold(held: boolean): void {
    this.#held = held;
    for (const poll of this.#parked.all()) this.#parked.end(poll, { kind: "runner-changed" });
  }

  /** Ends all parked polls without a task and takes no new ones. */
  stop(): void {
    this.#stopped = true;
    this.#reserved.clear();
    for (const timer of this.#kept.values()) timer[Symbol.dispose]();
    this.#kept.clear();
    for (const poll of this.#parked.all()) this.#parked.end(poll, { kind: "over" });
  }

  #isEligible(runner: Runner): boolean {
    if (this.#held || runner.disabled || runner.health !== null) return false;
    if (!runner.ephemeral) return true;
    for (const _ of this.#openTasks.ofRunner(runner.id)) return false;
    return true;
  }

  #take(runner: Runner, labels: ReadonlySet<string>): WaitingJob | undefined {
    const settings = this.#settings;
    const { boundJobId: bound } = runner;
    const job =
      bound === null
        ? this.#waiting.take({ runner: { scope: runner.scope, labels }, now: this.#clock.now(), settings })
        : (this.#reserved.take(bound, runner.id) ?? this.#waiting.takeOne(bound, settings));
    if (job !== undefined) this.#taken.add(job.id);
    return job;
  }

  /** Hands the job to the best parked poll, or keeps it. */
  #offer(job: WaitingJob): void {
    this.#reserved.take(job.id);
    const rules = this.#settings.of(job.repositoryId);
    const poll = this.#bestFor(job, rules);
    if (poll === undefined && this.#isReserved(job)) {
      this.#waiting.remove(job.id);
      if (!this.#stopped) this.#reserved.keep(job, () => this.#offer(job));
      return;
    }
    if (poll === undefined) {
      this.#waiting.add(job);
      this.#wakeLater(job, rules);
      return;
    }
    this.#waiting.remove(job.id);
    this.#waiting.handedOut(job, rules.weight);
    this.#taken.add(job.id);
    this.#parked.end(poll, { kind: "job", job });
  }

  /** Whether one runner alone may have the job now. */
  #isReserved(job: WaitingJob): boolean {
    return isReserved(job, this.#clock.now());
  }

  /** A runner for this job alone, else one with the preferred label, else any other once the job has waited for such a one. */
  #bestFor(job: WaitingJob, rules: DispatchRules): ParkedPoll | undefined {
    if (this.#isReserved(job)) return this.#parked.boundTo(job.id, job.reservation?.runnerId);
    const bound = this.#parked.boundTo(job.id);
    if (bound !== undefined) return bound;
    const { emptyRunsOnMatches } = this.#settings;
    const { preferredLabel: label } = rules;
    const preferred = label === null ? undefined : this.#parked.bestFor(job, { emptyRunsOnMatches, label });
    if (preferred !== undefined || keptUntil(job, rules) > this.#clock.now()) return preferred;
    return this.#parked.bestFor(job, { emptyRunsOnMatches });
  }

  /** A job that is kept for some runners is offered to all when its time is over; polls that park later wait for that. */
  #wakeLater(job: WaitingJob, rules: DispatchRules): void {
    const ms = keptUntil(job, rules) - this.#clock.now();
    if (ms <= 0 || this.#stopped || this.#kept.has(job.id)) return;
    const timer = this.#clock.timer(ms, () => {
      this.#kept.delete(job.id);
      if (this.#waiting.has(job.id)) this.#offer(job);
    });
    this.#kept.set(job.id, timer);
  }

  /** Claims a job that is in `#taken`; afterwards it is claimed, gone, or waits again. */
  async #try(
    job: WaitingJob,
    runner: Runner,
    { until, answerBy = until, requestKey, signal }: PollOptions,
  ): Promise<MadeTask | "lost" | "refused" | "late"> {
    const latest = Math.max(answerBy, this.#clock.now() + LEAST_CLAIM_MS);
    const isAwaited = () => !signal.aborted && this.#clock.now() <= latest;
    try {
      const outcome = await this.#claims.claim(job.id, runner, { requestKey, isAwaited });
      this.#taken.delete(job.id);
      if (outcome.kind === "claimed") {
        this.#bus.publish([{ kind: "job-gone", jobId: job.id }], "soon");
        return outcome.made;
      }
      if (outcome.kind !== "lost") this.jobsReady([job]);
      else if (outcome.change !== undefined) this.#onChange(outcome.change);
      return outcome.kind;
    } catch (error) {
      // Not handed on: what failed for this runner would now fail for all others. The next poll or reconciliation takes it.
      this.#taken.delete(job.id);
      this.#waiting.add(job);
      const failure = toAppError(error);
      this.#log.warn({ job: job.id, runner: runner.id, error: failure.message }, "a job could not be handed out");
      throw failure.code === "internal"
        ? new AppError("unavailable", "no job can be handed out now; try again", error)
        : failure;
    }
  }

  #tellWaiting(jobs: readonly WaitingJob[]): void {
    const waiting = jobs.filter((job) => this.#waiting.has(job.id));
    if (waiting.length === 0) return;
    this.#bus.publish(waiting.map((job) => ({ kind: "job-waiting", job: hintOf(job) })));
  }

  #park(
    runner: Runner,
    labels: ReadonlySet<string>,
    eligible: boolean,
    until: number,
    signal: AbortSignal,
  ): Promise<ParkOutcome> {
    return new Promise((resolve) => {
      const over = () => this.#parked.end(poll, { kind: "over" });
      const timer = this.#deadlines.at(until, over);
      const poll: ParkedPoll = {
        runnerId: runner.id,
        scope: runner.scope,
        labels,
        eligible,
        boundJobId: runner.boundJobId,
        priority: runner.priority,
        idleSince: this.#presence.lastActive(runner.id) ?? 0,
        settle: (outcome) => {
          timer[Symbol.dispose]();
          signal.removeEventListener("abort", over);
          resolve(outcome);
        },
      };
      this.#parked.add(poll);
      signal.addEventListener("abort", over, { once: true });
    });
  }
}

/** A job may come as a whole row. */
function hintOf(job: WaitingJob): WaitingJob {
  const { id, ownerId, repositoryId, runsOn, priority, readyAt, createdAt, reservation } = job;
  return { id, ownerId, repositoryId, runsOn, priority, readyAt, createdAt, reservation };
}
