import { decideJob } from "../../workflow/decide-job.ts";
import { type JobResult, needsContext } from "../../workflow/needs-context.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import { type JobScope, jobScopes, legsOf, ownKey, prefixOf, startedCall } from "./job-scope.ts";
import { directNeeds, type GraphState, isRunCancelled, scopeContexts } from "./settle-graph.ts";

/** What cancelling a run means for its jobs. */
export interface CancelPlan {
  /** Rows that end here and now, complete. */
  readonly ended: readonly Job[];
  /** Jobs that run and have to be told. */
  readonly running: readonly Job[];
}

/** Why a run is cancelled, and whether it had its turn: one that had not ends as a whole. */
export interface CancelHow {
  readonly cause: "cancelled" | "superseded";
  readonly hasBegun: boolean;
}

/**
 * Cancels a run: what waits ends, what runs is handed back, what is blocked ends unless its `if` says that it runs
 * after a cancel (`always()`, `cancelled()`), as on GitHub. A second cancel ends those too. A job that calls a workflow
 * ends when its called jobs have.
 */
export function cancelGraph(state: GraphState, how: CancelHow = { cause: "cancelled", hasBegun: true }): CancelPlan {
  const { cause } = how;
  // Who is superseded is not cancelled twice: only people ask for that.
  const twice = isRunCancelled(state.jobs) || state.jobs.some((job) => job.status === "cancelling");
  const again = cause === "cancelled" && twice;
  const scopes = new Map(jobScopes(state.tree, state.jobs).map((scope) => [scope.prefix, scope]));
  const ended: Job[] = [];
  for (const job of state.jobs) {
    if (
      job.status === "waiting" ||
      (job.status === "blocked" &&
        (again || !how.hasBegun || !runsAfterCancel(state, scopes.get(prefixOf(job.key)), job)))
    ) {
      ended.push({ ...job, status: "cancelled", cause, stoppedAt: state.now });
    }
  }
  return {
    ended,
    running: state.jobs.filter(
      (job) => startedCall(job) === undefined && (job.status === "running" || (again && job.status === "cancelling")),
    ),
  };
}

/** Whether the job's condition holds when everything before it that is not done is cancelled. */
function runsAfterCancel(state: GraphState, scope: JobScope | undefined, job: Job): boolean {
  const key = ownKey(job.key);
  const definition = scope?.tree.workflow.jobs.get(key);
  if (scope === undefined || definition?.if === undefined) return false;
  // Legs that max-parallel holds back have been decided: they belong to what is cancelled.
  if (definition.needs.every((need) => legsOf(scope, need, state.jobs).every((other) => isConclusion(other.status))))
    return false;
  const results = new Map<string, JobResult>([...scope.tree.workflow.jobs.keys()].map((other) => [other, "cancelled"]));
  results.delete(key);
  const assumed = state.jobs.map((other) =>
    isConclusion(other.status) ? other : { ...other, status: "cancelled" as const },
  );
  const decision = decideJob(definition, {
    contexts: { ...scopeContexts(state, scope), needs: needsContext(directNeeds(definition, scope, assumed)) },
    ancestors: results,
    runCancelled: true,
  });
  return decision.kind === "run";
}
