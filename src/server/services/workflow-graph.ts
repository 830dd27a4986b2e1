import { AppError } from "../../lib/errors.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import { isConclusion, type Job, type Run } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";
import { cancelGraph } from "./cancel-graph.ts";
import { inputsOfEvent } from "./dispatch-inputs.ts";
import { githubContext } from "./github-context.ts";
import type { JobGraph, JobGraphChange } from "./job-graph-port.ts";
import { jobLeg } from "./job-leg.ts";
import { startedCall } from "./job-scope.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import { updateRunStatus } from "./run-status-update.ts";
import { type GraphState, type Settlement, settleGraph } from "./settle-graph.ts";
import { variablesFor } from "./variables-for.ts";

/** What the graph needs around it. */
export interface WorkflowGraphDeps {
  readonly definitions: RunDefinitions;
  /** Outside address of the server, for the `github` context. */
  readonly publicUrl: () => string;
}

/** Moves the jobs of a run on: what `settleGraph` decides is written here, inside the caller's transaction. */
export class WorkflowGraph implements JobGraph {
  readonly #deps: WorkflowGraphDeps;

  constructor(deps: WorkflowGraphDeps) {
    this.#deps = deps;
  }

  async jobFinished(tx: WriteTables, jobId: number, now: number): Promise<JobGraphChange> {
    const job = await tx.jobs.get(jobId);
    return job === undefined ? { ready: [], toCancel: [] } : await this.settle(tx, job.runId, now);
  }

  /** Decides and writes all that can be decided about a run whose lock the caller holds; then the run's own status. */
  async settle(tx: WriteTables, runId: number, now: number): Promise<JobGraphChange> {
    const run = await tx.runs.get(runId);
    const jobs = run === undefined ? [] : await tx.jobs.listByRun(runId);
    if (run === undefined || !jobs.some(mayMove)) {
      await updateRunStatus(tx, runId, now);
      return { ready: [], toCancel: [] };
    }
    const settlement = await this.#settlement(tx, run, jobs, now);
    const ready = await write(tx, jobs, settlement);
    const [first] = ready;
    if (first !== undefined) await tx.tasksVersions.bump(first);
    await updateRunStatus(tx, runId, now);
    return { ready, toCancel: settlement.cancel };
  }

  /** A run whose workflow cannot be read any more fails where it stands; the report that led here must not. */
  async #settlement(tx: WriteTables, run: Run, jobs: readonly Job[], now: number): Promise<Settlement> {
    let tree: WorkflowTree;
    try {
      tree = await this.#deps.definitions.of(tx.runs, run.id);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "internal") throw error;
      const blocked = jobs.filter((job) => job.status === "blocked");
      const end = { status: "failure", cause: "infrastructure", message: error.message, stoppedAt: now } as const;
      return { changed: blocked.map((job) => ({ ...job, ...end })), added: [], cancel: [], wishes: [] };
    }
    return settleGraph(await this.#state(tx, run, tree, jobs, now));
  }

  /**
   * Cancels a run whose lock the caller holds: ends what does not run yet. Returns the jobs that run and have to be
   * cancelled after the transaction, and those that wait because they run after a cancel.
   */
  async cancel(tx: WriteTables, run: Run, now: number): Promise<JobGraphChange> {
    const jobs = await tx.jobs.listByRun(run.id);
    const tree = await this.#deps.definitions.of(tx.runs, run.id);
    const plan = cancelGraph(await this.#state(tx, run, tree, jobs, now));
    await write(tx, jobs, { changed: plan.ended, added: [], cancel: [], wishes: [] });
    const { ready } = await this.settle(tx, run.id, now);
    return { ready, toCancel: plan.running };
  }

  async #state(tx: WriteTables, run: Run, tree: WorkflowTree, jobs: readonly Job[], now: number): Promise<GraphState> {
    const repository = await tx.repositories.get(run.repositoryId);
    if (repository === undefined) throw new AppError("not_found", `the repository of run ${run.id} is gone`);
    const contexts = {
      github: fromJson(githubContext({ run, repository, publicUrl: this.#deps.publicUrl() })),
      inputs: fromJson(inputsOfEvent(tree.workflow, run.event, run.eventPayload)),
      vars: fromJson(await variablesFor(tx.settings, run)),
    };
    return { tree, jobs, contexts, now };
  }
}

/** Whether a decision about the job may be due; spares the parsing when the last job of a run ends. */
function mayMove(job: Job): boolean {
  return (
    job.status === "blocked" ||
    (!isConclusion(job.status) &&
      (startedCall(job) !== undefined || (jobLeg(job)?.failFast === true && jobLeg(job)?.total !== 1)))
  );
}

/** Writes a settlement; returns the jobs that became waiting. */
async function write(tx: WriteTables, before: readonly Job[], settlement: Settlement): Promise<readonly Job[]> {
  const ready: Job[] = [];
  for (const job of settlement.changed) {
    const old = before.find((candidate) => candidate.id === job.id);
    if (old === undefined) continue;
    const { id, runId: _run, repositoryId: _repository, ownerId: _owner, key: _key, ...patch } = job;
    if (!(await tx.jobs.update(id, [old.status], patch))) continue;
    if (job.status === "waiting") ready.push(job);
  }
  const added = settlement.added.length === 0 ? [] : await tx.jobs.insertMany(settlement.added);
  return [...ready, ...added.filter((job) => job.status === "waiting")];
}
