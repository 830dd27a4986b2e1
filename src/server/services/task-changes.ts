import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { RequeuePolicy } from "../domain/dispatch-rules.ts";
import { mayRequeue } from "../domain/requeue-rule.ts";
import { type Cause, isConclusion, type Job } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import { type TaskEvent, transition } from "../domain/task-transition.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import type { ChangeBus } from "./change-bus.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { JobGraph, JobGraphChange } from "./job-graph-port.ts";
import { jobLeg } from "./job-leg.ts";
import type { OpenTasks } from "./open-tasks.ts";
import { updateRunStatus } from "./run-status-update.ts";
import type { RunTurns } from "./run-turns.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import { writeJob } from "./write-job.ts";

/** How long a runner that was deleted after its one task may finish its reports. */
const OWN_END_GRACE_MS = 60_000;
/** The same where the server ended the task: the runner has to learn of it and to wind down (GitHub's cancel-timeout). */
const SERVER_END_GRACE_MS = 5 * 60_000;

/** Ends after which no more log rows are expected. */
const GONE: ReadonlySet<Cause> = new Set(["not_acknowledged", "runner_lost", "timeout"]);

/** A task that an event changed, with what else that did; acted upon when it is durable. */
export interface TaskChange extends JobGraphChange {
  readonly task: Task;
  /** Runner that has done its one task, or null. */
  readonly departed: number | null;
}

/** The one way in which tasks change: event, rows of task, job and run in one transaction, and then the memory. */
export class TaskChanges {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #graph: JobGraph;
  readonly #openTasks: OpenTasks;
  readonly #identity: RunnerIdentity;
  readonly #dispatcher: Dispatcher;
  readonly #bus: ChangeBus;
  readonly #cancelJobs: (jobs: readonly Job[], cause: Cause) => Promise<void>;
  readonly #taskChanged: (task: Task) => void;
  readonly #turns: RunTurns;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    readonly graph: JobGraph;
    readonly openTasks: OpenTasks;
    readonly identity: RunnerIdentity;
    readonly dispatcher: Dispatcher;
    readonly bus: ChangeBus;
    readonly turns: RunTurns;
    /** Cancels the jobs that the end of another one ends (fail-fast). */
    readonly cancelJobs: (jobs: readonly Job[], cause: Cause) => Promise<void>;
    /** Told of every task as it is after a change that is durable. */
    readonly taskChanged: (task: Task) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#graph = deps.graph;
    this.#openTasks = deps.openTasks;
    this.#identity = deps.identity;
    this.#dispatcher = deps.dispatcher;
    this.#bus = deps.bus;
    this.#cancelJobs = deps.cancelJobs;
    this.#taskChanged = deps.taskChanged;
    this.#turns = deps.turns;
  }

  /**
   * Changes a task by an event that the server found, in a transaction of its own.
   * @returns the task as it is now; undefined when there is none
   */
  async change(taskId: number, event: TaskEvent, message: string | null): Promise<Task | undefined> {
    const change = await this.inTurn(taskId, async (tx) => {
      const task = await this.locked(tx, taskId);
      return task === undefined ? undefined : await this.write(tx, task, event, message);
    });
    if (change === undefined) this.#openTasks.remove(taskId);
    else this.apply(change);
    return change?.task;
  }

  /** A transaction on a task, when it is its run's turn. */
  inTurn<T>(taskId: number, work: (tx: WriteTables) => Promise<T>): Promise<T> {
    return this.#turns.report(this.#openTasks.get(taskId)?.task.runId, () => this.#store.write(work));
  }

  /** The task, with the lock of its run taken; undefined when there is none. */
  async locked(tx: WriteTables, taskId: number): Promise<Task | undefined> {
    const found = await tx.tasks.get(taskId);
    if (found === undefined || (await tx.runs.lock(found.runId)) === undefined) return undefined;
    return await tx.tasks.get(taskId);
  }

  /** Writes what an event makes of a task whose run is locked. An ignored event writes nothing. */
  async write(tx: WriteTables, task: Task, event: TaskEvent, message: string | null): Promise<TaskChange> {
    const now = this.#clock.now();
    const result = transition(task, event, now);
    if (result.kind === "ignored") return unchanged(task);
    const after = result.task;
    const { status, cause, acknowledgedAt, offeredAt, heartbeatAt, cancelSentAt, stoppedAt } = after;
    await tx.tasks.update(task.id, { status, cause, acknowledgedAt, offeredAt, heartbeatAt, cancelSentAt, stoppedAt });
    if (after.steps !== task.steps) await tx.tasks.saveSteps(task.id, after.steps);
    if (isConclusion(status)) return await this.#end(tx, after, message, now);
    if (status === "cancelling" && task.status === "running" && cause !== null) {
      const job = await tx.jobs.get(task.jobId);
      if (job !== undefined) await writeJob(tx, job, { type: "cancelling", cause }, now);
    }
    return unchanged(after);
  }

  /** Acts on a change that is durable. */
  apply(change: TaskChange): void {
    const { task } = change;
    this.#openTasks.put(task);
    this.#taskChanged(task);
    if (task.status !== "running") {
      const told = { kind: "task", taskId: task.id, runnerId: task.runnerId } as const;
      this.#bus.publish([told], isOwnEnd(task) ? "soon" : "now");
    }
    if (change.departed !== null) {
      this.#identity.forget(change.departed);
      this.#dispatcher.runnerChanged(change.departed);
    }
    this.applyGraph(change);
    if (task.cause !== null && GONE.has(task.cause)) {
      this.#background("the log of a task that was given up was not finished", this.#store.logs.finish(task.id));
    }
  }

  /** Acts on what the end of a job led to. */
  applyGraph({ ready, toCancel }: JobGraphChange): void {
    this.#dispatcher.jobsReady(ready);
    if (toCancel.length > 0)
      this.#background("jobs were not cancelled by fail-fast", this.#cancelJobs(toCancel, "failed"));
  }

  async #end(tx: WriteTables, task: Task, message: string | null, now: number): Promise<TaskChange> {
    await tx.tasks.setToken(task.id, null);
    const job = await tx.jobs.get(task.jobId);
    const { status, cause } = task;
    if (job === undefined || job.taskId !== task.id || !isConclusion(status) || cause === null) return unchanged(task);
    if (mayRequeue(task, await this.#policy(tx, task, job))) {
      const departed = cause === "not_acknowledged" ? null : await this.#departed(tx, task, now);
      return { task, departed, ...(await this.#requeue(tx, job, now)) };
    }
    const outputs = await tx.tasks.outputs(task.id);
    await writeJob(tx, job, { type: "ended", conclusion: status, cause, message }, now, { outputs });
    const change = await this.#graph.jobFinished(tx, job.id, now);
    const departed = await this.#departed(tx, task, now);
    return { task, departed, ready: change.ready, toCancel: change.toCancel };
  }

  /** The job's own, else that of its repository. Only what a lost runner leaves behind is worth a look. */
  async #policy(tx: WriteTables, { cause, repositoryId }: Task, job: Job): Promise<RequeuePolicy> {
    if (cause !== "runner_lost" && cause !== "runner_deleted") return "never";
    const own = jobLeg(job)?.requeue;
    if (own !== undefined) return own;
    return (await tx.repositories.dispatchRules(repositoryId)).requeue;
  }

  /** An ephemeral runner goes with its one task; it may finish its reports for a while. */
  async #departed(tx: WriteTables, task: Task, now: number): Promise<number | null> {
    const runner = await tx.runners.get(task.runnerId);
    if (runner?.ephemeral !== true) return null;
    const reportsUntil = now + (isOwnEnd(task) ? OWN_END_GRACE_MS : SERVER_END_GRACE_MS);
    return (await tx.runners.delete(runner.id, now, reportsUntil)) ? runner.id : null;
  }

  /** The job waits for another runner under the same attempt; it keeps its place in the line. */
  async #requeue(tx: WriteTables, job: Job, now: number): Promise<JobGraphChange> {
    const requeued = await writeJob(tx, job, { type: "requeued" }, now);
    if (requeued === undefined) return NO_CHANGE;
    if (isConclusion(requeued.status)) return await this.#graph.jobFinished(tx, job.id, now);
    await tx.tasksVersions.bump(job);
    await updateRunStatus(tx, job.runId, now);
    return { ready: [requeued], toCancel: [] };
  }

  #background(failure: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#log.error({ error: errorText(error) }, failure));
  }
}

const NO_CHANGE: JobGraphChange = { ready: [], toCancel: [] };

function unchanged(task: Task): TaskChange {
  return { task, departed: null, ...NO_CHANGE };
}

/** Whether the runner ended the task by its own result. */
export function isOwnEnd(task: Pick<Task, "cause" | "cancelSentAt">): boolean {
  return task.cause === "done" || task.cause === "failed" || (task.cause === "cancelled" && task.cancelSentAt !== null);
}
