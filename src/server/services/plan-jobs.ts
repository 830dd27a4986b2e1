import { wantedGroup } from "../../workflow/concurrency.ts";
import type { Diagnostic } from "../../workflow/diagnostic.ts";
import { jobContextMap } from "../../workflow/expand-job.ts";
import type { ExprValue } from "../../workflow/expressions/value.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import { attempt, planRun } from "../../workflow/plan-run.ts";
import type { Job } from "../domain/run.ts";
import { blockedJobs, type Unplaced } from "./new-jobs.ts";
import { settleGraph } from "./settle-graph.ts";

/** Contexts that are known when a run is made. */
export interface PlanContexts {
  readonly github: ExprValue;
  readonly inputs: ExprValue;
  readonly vars: ExprValue;
}

/** The jobs of a new run in their first state: roots wait or are skipped, the others are blocked. */
export interface PlannedRun {
  readonly jobs: readonly Omit<Job, Unplaced>[];
  /** Evaluated `run-name`, or empty. */
  readonly runName: string;
  /** Whether something waits for a concurrency group: the graph has to be settled once the run is stored. */
  readonly wantsGroups: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

/** Plans a run without touching anything: expands what is static and decides the roots. */
export function planJobs(tree: WorkflowTree, contexts: PlanContexts, runAttempt: number, now: number): PlannedRun {
  const { workflow } = tree;
  const plan = planRun(workflow, contexts);
  const diagnostics = [...plan.diagnostics];
  const { concurrency } = workflow;
  if (concurrency !== undefined) {
    // Its name is evaluated again when the run has its id; a mistake is told now.
    attempt("bad-concurrency", concurrency.range, diagnostics, () =>
      wantedGroup(concurrency, { contexts: jobContextMap(contexts) }),
    );
  }
  if (diagnostics.some(({ severity }) => severity === "error"))
    return { jobs: [], runName: "", wantsGroups: false, diagnostics };
  const place = { prefix: "", callerName: "", attempt: runAttempt, priority: 0, now };
  const placed = plan.jobs
    .flatMap((planned) => blockedJobs(planned, place))
    .map((job, index) => ({ ...job, id: index + 1, runId: 0, repositoryId: 0, ownerId: 0 }));
  const blocked = { changed: [], added: [], wishes: [] };
  const { changed, added, wishes } =
    concurrency === undefined ? settleGraph({ tree, jobs: placed, contexts, now }) : blocked;
  const settled = placed.map((job) => changed.find((other) => other.id === job.id) ?? job);
  const jobs = [...settled, ...added].map((job) => {
    const { id: _id, runId: _run, repositoryId: _repository, ownerId: _owner, ...rest } = { id: 0, ...job };
    return rest;
  });
  const wantsGroups = concurrency !== undefined || wishes.length > 0 || added.length > 0;
  return { jobs, runName: plan.runName ?? "", wantsGroups, diagnostics };
}
