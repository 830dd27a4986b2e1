import { AppError } from "../../lib/errors.ts";
import { type CallDeclaration, callDeclaration } from "../../workflow/call-declaration.ts";
import { callInputs } from "../../workflow/call-inputs.ts";
import { callOutputs } from "../../workflow/call-outputs.ts";
import { type JobContexts, jobContextMap, legContext } from "../../workflow/expand-job.ts";
import { NeedsHash } from "../../workflow/expressions/needs-hash.ts";
import { ExprObject, fromJson } from "../../workflow/expressions/value.ts";
import { MAX_JOBS } from "../../workflow/limits.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import type { JobDefinition } from "../../workflow/model.ts";
import { planRun } from "../../workflow/plan-run.ts";
import type { Conclusion, Job } from "../domain/run.ts";
import { jobLeg } from "./job-leg.ts";
import { jobOutcome } from "./job-outcome.ts";
import { type JobScope, legsOf, prefixBelow, prefixOf } from "./job-scope.ts";
import { blockedJobs } from "./new-jobs.ts";
import { conclusionOf } from "./run-status-update.ts";

/** What is known when a call begins. */
export interface CallStart {
  readonly definition: JobDefinition;
  readonly called: WorkflowTree;
  /** Of the calling job, with its needs. */
  readonly contexts: JobContexts;
  /** Rows of the run by now. */
  readonly jobs: number;
  readonly now: number;
}

/**
 * Begins a call: the calling job runs from now on, and its called jobs are there, all of them blocked. With wrong
 * inputs, or jobs that cannot be planned, the calling job fails.
 */
export function beginCall(caller: Job, start: CallStart): { caller: Job; called: Omit<Job, "id">[] } {
  const { definition, called, contexts, now } = start;
  const leg = jobLeg(caller);
  if (leg === undefined) throw new AppError("internal", `job ${caller.id} calls a workflow before it was expanded`);
  try {
    // Planning what has no room anyway would cost a large matrix of calls much time.
    if (start.jobs >= MAX_JOBS) throw tooManyJobs();
    const below = { github: contexts.github, vars: contexts.vars };
    const inputs = callInputs(declarationOf(called, definition), definition.with, {
      caller: legContext(contexts, leg),
      called: { contexts: jobContextMap({ ...below, inputs: new ExprObject() }) },
    });
    const plan = planRun(called.workflow, { ...below, inputs: fromJson({ ...inputs }) });
    const [problem] = plan.diagnostics.filter(({ severity }) => severity === "error");
    if (problem !== undefined) throw new AppError("invalid", problem.message);
    const place = { ...caller, prefix: prefixBelow(caller), callerName: caller.name, now };
    const rows = plan.jobs.flatMap((planned) => blockedJobs(planned, place));
    if (start.jobs + rows.length > MAX_JOBS) throw tooManyJobs();
    const { runId, repositoryId, ownerId } = caller;
    return {
      caller: {
        ...caller,
        status: "running",
        startedAt: now,
        leg: { ...leg, runsOn: [...leg.runsOn], call: { inputs } },
      },
      called: rows.map((row) => ({ ...row, runId, repositoryId, ownerId })),
    };
  } catch (error) {
    const message = `the workflow ${definition.uses} cannot be called: ${authorsMistake(error)}`;
    return { caller: { ...caller, status: "failure", cause: "failed", message, stoppedAt: now }, called: [] };
  }
}

function tooManyJobs(): AppError {
  return new AppError("invalid", `the run would have more than ${MAX_JOBS} jobs; call fewer workflows`);
}

const CAUSES = { success: "done", skipped: "done", failure: "failed", cancelled: "cancelled" } as const;

/** Ends a calling job whose called jobs have all ended: their combined result, and the outputs of the workflow. */
export function concludeCall(
  scope: JobScope & { readonly caller: Job },
  jobs: readonly Job[],
  contexts: JobContexts,
  now: number,
): Job {
  const { caller } = scope;
  const own = jobs.filter((job) => prefixOf(job.key) === scope.prefix);
  const status = conclusionOf(own);
  try {
    const outputs = callOutputs(scope.tree.workflow, (key) => legsOf(scope, key, jobs).map(jobOutcome), contexts);
    return { ...caller, status, cause: causeOf(status, own), outputs, stoppedAt: now };
  } catch (error) {
    const message = `the outputs of the called workflow cannot be evaluated: ${authorsMistake(error)}`;
    return { ...caller, status: "failure", cause: "failed", message, stoppedAt: now };
  }
}

function causeOf(status: Conclusion, jobs: readonly Job[]): Job["cause"] {
  if (status !== "cancelled") return CAUSES[status];
  return jobs.find((job) => job.status === "cancelled")?.cause ?? CAUSES.cancelled;
}

/** The sentence for a mistake in the files. @throws what is none */
function authorsMistake(error: unknown): string {
  if (error instanceof NeedsHash) return "hashFiles() can be used by steps alone";
  if (error instanceof AppError && error.code === "invalid") return error.message;
  throw error;
}

function declarationOf(called: WorkflowTree, { uses }: JobDefinition): CallDeclaration {
  const declaration = callDeclaration(called.workflow);
  if (declaration === undefined) throw new AppError("invalid", `${uses} is not made to be called`);
  return declaration;
}
