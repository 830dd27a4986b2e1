import type { Diagnostic } from "../../workflow/diagnostic.ts";
import type { ExprValue } from "../../workflow/expressions/value.ts";
import type { Workflow } from "../../workflow/model.ts";
import { type PlannedJob, planRun } from "../../workflow/plan-run.ts";
import type { Job } from "../domain/run.ts";
import { legFields, settleGraph } from "./settle-graph.ts";

/** Contexts that are known when a run is made. */
export interface PlanContexts {
  readonly github: ExprValue;
  readonly inputs: ExprValue;
  readonly vars: ExprValue;
}

/** Fields of a job that the database gives when the run is stored. */
type Unplaced = "id" | "runId" | "repositoryId" | "ownerId";

/** The jobs of a new run in their first state: roots wait or are skipped, the others are blocked. */
export interface PlannedRun {
  readonly jobs: readonly Omit<Job, Unplaced>[];
  /** Evaluated `run-name`, or empty. */
  readonly runName: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Plans a run without touching anything: expands what is static and decides the roots. */
export function planJobs(workflow: Workflow, contexts: PlanContexts, attempt: number, now: number): PlannedRun {
  const plan = planRun(workflow, contexts);
  const diagnostics = [...plan.diagnostics, ...reusableJobs(workflow)];
  if (diagnostics.some((diagnostic) => diagnostic.severity === "error")) return { jobs: [], runName: "", diagnostics };
  const placed = plan.jobs
    .flatMap((planned) => blockedJobs(planned, attempt, now))
    .map((job, index) => ({
      ...job,
      id: index + 1,
      runId: 0,
      repositoryId: 0,
      ownerId: 0,
    }));
  const { changed, added } = settleGraph({ definitions: workflow.jobs, jobs: placed, contexts, now });
  const settled = placed.map((job) => changed.find((other) => other.id === job.id) ?? job);
  const jobs = [...settled, ...added].map((job) => {
    const { id: _id, runId: _run, repositoryId: _repository, ownerId: _owner, ...rest } = { id: 0, ...job };
    return rest;
  });
  return { jobs, runName: plan.runName ?? "", diagnostics };
}

/** Jobs with `uses` are refused before anything runs, because no runner could take them. */
function reusableJobs(workflow: Workflow): Diagnostic[] {
  return [...workflow.jobs.values()]
    .filter((job) => job.uses !== undefined)
    .map((job) => ({
      severity: "error",
      code: "reusable-workflow",
      message: `job ${job.id} calls the reusable workflow ${job.uses}, which this server cannot run yet; write its steps into the job`,
      range: job.range,
    }));
}

function blockedJobs(planned: PlannedJob, attempt: number, now: number): Omit<Job, Unplaced>[] {
  const common = {
    key: planned.key,
    needs: planned.needs,
    attempt,
    delivery: 0,
    status: "blocked" as const,
    cause: null,
    message: null,
    taskId: null,
    priority: 0,
    outputs: {},
    reservation: null,
    createdAt: now,
    readyAt: null,
    startedAt: null,
    stoppedAt: null,
  };
  if (!planned.dynamic) return planned.legs.map((leg) => ({ ...common, ...legFields(leg) }));
  return [{ ...common, name: planned.key, runsOn: [], continueOnError: false, leg: null }];
}
