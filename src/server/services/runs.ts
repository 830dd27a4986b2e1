import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { type Cause, isConclusion, type Job, type Run } from "../domain/run.ts";
import type { Page, PageRequest, RunFilter, Store, WriteTables } from "../storage/store.ts";
import { type Actor, audit } from "./audit.ts";
import type { JobGraphChange } from "./job-graph-port.ts";
import { rerunGraph } from "./rerun-graph.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import type { WorkflowGraph } from "./workflow-graph.ts";

/** Most attempts of one run; Gitea's limit. */
const MOST_ATTEMPTS = 50;

/** What the service needs around it. */
export interface RunsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly graph: WorkflowGraph;
  readonly definitions: RunDefinitions;
  readonly publicUrl: () => string;
  /** Told of the jobs that wait, once they are durable. */
  readonly jobsReady: (jobs: readonly Job[]) => void;
  /** Cancels jobs that run. */
  readonly cancelJobs: (jobs: readonly Job[], cause: Cause) => Promise<void>;
}

/** Reads, cancels and repeats runs. */
export class Runs {
  readonly #deps: RunsDeps;

  constructor(deps: RunsDeps) {
    this.#deps = deps;
  }

  /** A run of a repository. @throws AppError not_found, also for a run of another repository */
  async get(repository: Repository, id: number): Promise<Run> {
    const run = await this.#deps.store.read.runs.get(id);
    if (run === undefined || run.repositoryId !== repository.id) throw missingRun(repository, id);
    return run;
  }

  /** Runs, newest first. */
  list(filter: RunFilter, page: PageRequest): Promise<Page<Run>> {
    return this.#deps.store.read.runs.list(filter, page);
  }

  /** The workflow file as it was at the run's commit. */
  source(run: Run): Promise<string> {
    return this.#deps.store.read.runs.source(run.id);
  }

  /**
   * Cancels a run. What runs is told and may take its time; see `cancelGraph` for the rest.
   * @throws AppError conflict when it has ended
   */
  async cancel(run: Run, actor: Actor): Promise<void> {
    const change = await this.#change(run, actor, "run.cancel", async (tx, locked, now) => {
      if (isConclusion(locked.status))
        throw new AppError("conflict", `run ${run.id} has ended with ${locked.status}; there is nothing to cancel`);
      return await this.#deps.graph.cancel(tx, locked, now);
    });
    await this.#deps.cancelJobs(change.toCancel, "cancelled");
  }

  /** Ends what still winds down after a cancel, without waiting for the runners; a run that has ended stays as it is. */
  async endCancelled(run: Run, actor: Actor): Promise<void> {
    const change = await this.#change(run, actor, "run.force-cancel", async (tx, locked, now) =>
      isConclusion(locked.status) ? NOTHING : await this.#deps.graph.cancel(tx, locked, now),
    );
    await this.#deps.cancelJobs(change.toCancel, "cancelled");
  }

  /**
   * Runs a finished run again under the same id with the next attempt: all jobs, or those that did not succeed.
   * @throws AppError conflict while it runs; and after 50 attempts; invalid when nothing failed
   */
  async rerun(run: Run, which: "all" | "failed", actor: Actor): Promise<Run> {
    await this.#change(run, actor, "run.rerun", async (tx, locked, now) => {
      if (!isConclusion(locked.status))
        throw new AppError("conflict", `run ${run.id} has not ended yet; cancel it first`);
      if (locked.attempt >= MOST_ATTEMPTS) {
        throw new AppError("conflict", `run ${run.id} has had ${MOST_ATTEMPTS} attempts; submit it anew`);
      }
      return await this.#reset(tx, { ...locked, attempt: locked.attempt + 1 }, which, now);
    });
    return (await this.#deps.store.read.runs.get(run.id)) ?? run;
  }

  /**
   * Changes the priority of a run's jobs, or of one of them, as far as no runner has them yet.
   * @throws AppError conflict when there is no such job any more
   */
  async setPriority(run: Run, priority: number, actor: Actor, jobId?: number): Promise<void> {
    await this.#change(run, actor, "run.priority", async (tx) => {
      const ready: Job[] = [];
      let changed = 0;
      for (const job of await tx.jobs.listByRun(run.id)) {
        if (jobId !== undefined && job.id !== jobId) continue;
        if (!(await tx.jobs.update(job.id, ["blocked", "waiting"], { priority }))) continue;
        changed++;
        if (job.status === "waiting") ready.push({ ...job, priority });
      }
      if (changed > 0) return { ready, toCancel: [] };
      const what = jobId === undefined ? `no job of run ${run.id} waits` : `job ${jobId} does not wait`;
      throw new AppError("conflict", `${what} any more; its priority means nothing now`);
    });
  }

  /** Deletes a run that has ended, with its jobs and logs. @throws AppError conflict while it runs */
  async delete(run: Run, actor: Actor): Promise<void> {
    await this.#deps.store.write(async (tx) => {
      const locked = await tx.runs.lock(run.id);
      if (locked === undefined) throw new AppError("not_found", `there is no run ${run.id} any more`);
      if (!isConclusion(locked.status))
        throw new AppError("conflict", `run ${run.id} has not ended yet; cancel it first`);
      await tx.runs.delete(run.id);
      await audit(tx, this.#deps.clock.now(), actor, { action: "run.delete", target: `run:${run.id}` });
    });
    this.#deps.definitions.forget(run.id);
  }

  async #reset(tx: WriteTables, run: Run, which: "all" | "failed", now: number): Promise<JobGraphChange> {
    const tree = await this.#deps.definitions.of(tx.runs, run.id);
    const jobs = await tx.jobs.listByRun(run.id);
    const { reset, removed } = rerunGraph(tree, jobs, which, run.attempt, now);
    if (reset.length === 0) throw new AppError("invalid", `run ${run.id} has no failed jobs; run all of it again`);
    for (const job of removed) await tx.jobs.delete(job.id);
    for (const job of reset) {
      const { id, runId: _run, repositoryId: _repository, ownerId: _owner, key: _key, ...patch } = job;
      await tx.jobs.update(id, ["success", "failure", "cancelled", "skipped"], patch);
    }
    await tx.runs.update(run.id, { attempt: run.attempt, status: "blocked", startedAt: null, stoppedAt: null });
    return await this.#deps.graph.settle(tx, run.id, now);
  }

  /** Changes a run under its lock and acts on what that led to. */
  async #change(
    run: Run,
    actor: Actor,
    action: string,
    work: (tx: WriteTables, locked: Run, now: number) => Promise<JobGraphChange>,
  ): Promise<JobGraphChange> {
    const change = await this.#deps.store.write(async (tx) => {
      const now = this.#deps.clock.now();
      const locked = await tx.runs.lock(run.id);
      if (locked === undefined) throw new AppError("not_found", `there is no run ${run.id} any more`);
      const result = await work(tx, locked, now);
      await audit(tx, now, actor, { action, target: `run:${run.id}` });
      return result;
    });
    this.#deps.jobsReady(change.ready);
    return change;
  }
}

function missingRun(repository: Repository, id: number): AppError {
  return new AppError("not_found", `${repository.ownerName}/${repository.name} has no run ${id}`);
}

const NOTHING: JobGraphChange = { ready: [], toCancel: [] };
