import { AppError } from "../../lib/errors.ts";
import { type WantedGroup, wantedGroup } from "../../workflow/concurrency.ts";
import { jobContextMap } from "../../workflow/expand-job.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import type { GroupMember } from "../domain/concurrency-group.ts";
import { isConclusion, type Job, type Run } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";
import { cancelGraph } from "./cancel-graph.ts";
import { inputsOfEvent } from "./dispatch-inputs.ts";
import { githubContext } from "./github-context.ts";
import type { GroupWish } from "./group-wishes.ts";
import type { JobGraph, JobGraphChange } from "./job-graph-port.ts";
import { jobLeg } from "./job-leg.ts";
import { startedCall } from "./job-scope.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import { type GroupStanding, joinAll, joinOne, leaveEnded, standingOf, usesGroups } from "./run-groups.ts";
import { updateRunStatus } from "./run-status-update.ts";
import { type GraphState, type Settlement, settleGraph } from "./settle-graph.ts";
import { variablesFor } from "./variables-for.ts";

/** What the graph needs around it. */
export interface WorkflowGraphDeps {
  readonly definitions: RunDefinitions;
  /** Outside address of the server, for the `github` context. */
  readonly publicUrl: () => string;
  /** Told while the transaction has the lock of the repository's groups: other runs have to be told of their turn. */
  readonly groupsMoved: (repositoryId: number) => void;
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
    const ready: Job[] = [];
    const toCancel: Job[] = [];
    for (let again = run !== undefined; again && run !== undefined; ) {
      const round = await this.#round(tx, run, now);
      ready.push(...round.ready);
      toCancel.push(...round.toCancel);
      again = round.again;
    }
    const [first] = ready;
    if (first !== undefined) await tx.tasksVersions.bump(first);
    await updateRunStatus(tx, runId, now);
    const known = this.#deps.definitions.known(runId);
    const grouped = known === undefined || usesGroups(known);
    if (run !== undefined && grouped && (await leaveEnded(tx, run))) this.#deps.groupsMoved(run.repositoryId);
    return { ready, toCancel };
  }

  /** Decides once; `again` when concurrency groups or new jobs leave something to decide. */
  async #round(tx: WriteTables, run: Run, now: number): Promise<JobGraphChange & { readonly again: boolean }> {
    const jobs = await tx.jobs.listByRun(run.id);
    const nothing = { ready: [], toCancel: [], again: false };
    if (!jobs.some(mayMove)) return nothing;
    let tree: WorkflowTree;
    try {
      tree = await this.#deps.definitions.of(tx.runs, run.id);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "internal") throw error;
      await endBlocked(tx, jobs, "infrastructure", error.message, now);
      return nothing;
    }
    const grouped = usesGroups(tree);
    const state = await this.#state(tx, run, tree, jobs, now);
    const standing = grouped ? await this.#standing(tx, run, state) : undefined;
    if (standing === "wrong") return { ...nothing, again: true };
    if (standing !== undefined && !mayRun(standing.run)) return nothing;
    const runCancelled = standing?.run?.state === "superseded";
    const settlement = settleGraph({ ...state, runCancelled, ...(standing && { admission: standing.admission }) });
    const ready = await write(tx, jobs, settlement);
    for (const wish of settlement.wishes) await this.#join(tx, wish, jobs, now);
    const again = settlement.wishes.length > 0 || (grouped && settlement.added.length > 0);
    return { ready, toCancel: settlement.cancel, again };
  }

  /** How the run stands in its groups; it joins its own first. `wrong`: its `concurrency` is, and its jobs have failed. */
  async #standing(tx: WriteTables, run: Run, state: GraphState): Promise<GroupStanding | "wrong"> {
    const standing = standingOf(await tx.groups.ofRun(run.id));
    const { concurrency } = state.tree.workflow;
    if (concurrency === undefined || standing.run !== undefined) return standing;
    let group: WantedGroup;
    try {
      group = wantedGroup(concurrency, { contexts: jobContextMap(state.contexts) });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "invalid") throw error;
      await endBlocked(tx, state.jobs, "failed", error.message, state.now);
      return "wrong";
    }
    const joined = await joinOne(tx, { repositoryId: run.repositoryId, runId: run.id, jobId: null }, group);
    if (joined.kind === "deadlock") throw new AppError("internal", `run ${run.id} waits for itself`);
    if (joined.moved) this.#deps.groupsMoved(run.repositoryId);
    return { ...standing, run: joined.member };
  }

  async #join(tx: WriteTables, wish: GroupWish, jobs: readonly Job[], now: number): Promise<void> {
    const { problem, moved } = await joinAll(tx, wish, jobs);
    if (moved) this.#deps.groupsMoved(wish.job.repositoryId);
    if (problem === undefined) return;
    const end = { status: "failure", cause: "failed", message: problem, stoppedAt: now } as const;
    await tx.jobs.update(wish.job.id, ["blocked"], end);
  }

  /**
   * Cancels a run whose lock the caller holds: ends what does not run yet. Returns the jobs that run and have to be
   * cancelled after the transaction, and those that wait because they run after a cancel. A run that waits for its
   * concurrency group ends as a whole.
   */
  async cancel(
    tx: WriteTables,
    run: Run,
    now: number,
    cause: "cancelled" | "superseded" = "cancelled",
  ): Promise<JobGraphChange> {
    const jobs = await tx.jobs.listByRun(run.id);
    const tree = await this.#deps.definitions.of(tx.runs, run.id);
    const member = usesGroups(tree) ? standingOf(await tx.groups.ofRun(run.id)).run : undefined;
    const hasBegun = member === undefined || member.holds;
    const plan = cancelGraph(await this.#state(tx, run, tree, jobs, now), { cause, hasBegun });
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

/** A run that waits for its group, or was superseded before its turn came, does nothing. */
function mayRun(member: GroupMember | undefined): boolean {
  return member === undefined || member.holds;
}

/** Ends what is blocked; the report that led here must not fail for it. */
async function endBlocked(
  tx: WriteTables,
  jobs: readonly Job[],
  cause: "failed" | "infrastructure",
  message: string,
  now: number,
): Promise<void> {
  const end = { status: "failure", cause, message, stoppedAt: now } as const;
  for (const job of jobs) if (job.status === "blocked") await tx.jobs.update(job.id, ["blocked"], end);
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
