import type { Clock } from "../../lib/clock.ts";
import { type Cause, isConclusion, type Job } from "../domain/run.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { JobGraph } from "./job-graph-port.ts";
import { startedCall } from "./job-scope.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { TaskChange, TaskChanges } from "./task-changes.ts";
import { writeJob } from "./write-job.ts";

/** Word of runners that wind down after a cancel and report the end themselves; as in protocol/headers.ts. */
const CANCELLING = "cancelling";
/** A runner that was silent for longer is not waited for; as Gitea does since 1.27. */
const SILENT_MS = 60_000;

type Outcome = Omit<TaskChange, "task" | "departed"> & { readonly change?: TaskChange };

/**
 * Cancels jobs. One that does not run yet ends at once. One that runs ends when its runner says so, if the runner can
 * do that, is in contact, and was not asked before; else at once.
 */
export class CancelJobs {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #graph: JobGraph;
  readonly #changes: TaskChanges;
  readonly #openTasks: OpenTasks;
  readonly #dispatcher: Dispatcher;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly graph: JobGraph;
    readonly changes: TaskChanges;
    readonly openTasks: OpenTasks;
    readonly dispatcher: Dispatcher;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#graph = deps.graph;
    this.#changes = deps.changes;
    this.#openTasks = deps.openTasks;
    this.#dispatcher = deps.dispatcher;
  }

  /** Cancels these jobs, one transaction each; those that have ended stay as they are. */
  async cancel(jobs: readonly Pick<Job, "id">[], cause: Cause): Promise<void> {
    for (const { id } of jobs) {
      const outcome = await this.#store.write((tx) => this.#cancelOne(tx, id, cause));
      if (outcome.change === undefined) this.#changes.applyGraph(outcome);
      else this.#changes.apply(outcome.change);
      this.#dispatcher.jobsGone([id]);
    }
  }

  /** Cancels a job that does not run. @returns false when it runs, has ended or is gone */
  async cancelIdle({ id }: Pick<Job, "id">, cause: Cause, message: string): Promise<boolean> {
    const outcome = await this.#store.write(async (tx) => {
      const found = await tx.jobs.get(id);
      if (found === undefined || (await tx.runs.lock(found.runId)) === undefined) return undefined;
      const job = await tx.jobs.get(id);
      const isIdle = job?.status === "blocked" || job?.status === "waiting";
      return job !== undefined && isIdle ? await this.#endIdle(tx, job, cause, message) : undefined;
    });
    if (outcome === undefined) return false;
    this.#changes.applyGraph(outcome);
    this.#dispatcher.jobsGone([id]);
    return true;
  }

  async #cancelOne(tx: WriteTables, jobId: number, cause: Cause): Promise<Outcome> {
    const found = await tx.jobs.get(jobId);
    if (found === undefined || (await tx.runs.lock(found.runId)) === undefined) return NOTHING;
    const job = await tx.jobs.get(jobId);
    if (job === undefined || isConclusion(job.status)) return NOTHING;
    // A job that called a workflow ends when its called jobs have.
    if (startedCall(job) !== undefined) return NOTHING;
    // Who is superseded is not ended by force: several replicas may ask for it, and only people do it twice.
    if (cause === "superseded" && job.status === "cancelling") return NOTHING;
    if (job.status === "blocked" || job.status === "waiting") return await this.#endIdle(tx, job, cause);
    const task = job.taskId === null ? undefined : await tx.tasks.get(job.taskId);
    if (task === undefined) return await this.#endIdle(tx, job, cause);
    const runner = await tx.runners.get(task.runnerId);
    const heardAt = Math.max(this.#openTasks.get(task.id)?.heartbeatAt ?? 0, task.heartbeatAt);
    const graceful = runner?.capabilities.includes(CANCELLING) === true && this.#clock.now() - heardAt <= SILENT_MS;
    const event =
      job.status === "cancelling"
        ? ({ type: "force-cancel" } as const)
        : ({ type: "cancel-requested", graceful, cause: requestCause(cause) } as const);
    return { ...NOTHING, change: await this.#changes.write(tx, task, event, null) };
  }

  async #endIdle(tx: WriteTables, job: Job, cause: Cause, message: string | null = null): Promise<Outcome> {
    const now = this.#clock.now();
    await writeJob(tx, job, { type: "ended", conclusion: "cancelled", cause, message }, now);
    return await this.#graph.jobFinished(tx, job.id, now);
  }
}

/** Fail-fast and concurrency groups are told apart from people. */
function requestCause(cause: Cause): "cancelled" | "superseded" | "failed" {
  return cause === "superseded" || cause === "failed" ? cause : "cancelled";
}

const NOTHING: Outcome = { ready: [], toCancel: [] };
