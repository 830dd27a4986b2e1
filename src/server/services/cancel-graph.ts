import { decideJob } from "../../workflow/decide-job.ts";
import { type JobResult, needsContext } from "../../workflow/needs-context.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import { directNeeds, type GraphState, isRunCancelled } from "./settle-graph.ts";

/** What cancelling a run means for its jobs. */
export interface CancelPlan {
  /** Rows that end here and now, complete. */
  readonly ended: readonly Job[];
  /** Jobs that run and have to be told. */
  readonly running: readonly Job[];
}

/**
 * Cancels a run: what waits ends, what runs is handed back, what is blocked ends unless its `if` says that it runs
 * after a cancel (`always()`, `cancelled()`), as on GitHub. A second cancel ends those too.
 */
export function cancelGraph(state: GraphState): CancelPlan {
  const again = isRunCancelled(state.jobs) || state.jobs.some((job) => job.status === "cancelling");
  const ended: Job[] = [];
  for (const job of state.jobs) {
    if (job.status === "waiting" || (job.status === "blocked" && (again || !runsAfterCancel(state, job)))) {
      ended.push({ ...job, status: "cancelled", cause: "cancelled", stoppedAt: state.now });
    }
  }
  return {
    ended,
    running: state.jobs.filter((job) => job.status === "running" || (again && job.status === "cancelling")),
  };
}

/** Whether the job's condition holds when everything before it that is not done is cancelled. */
function runsAfterCancel(state: GraphState, job: Job): boolean {
  const definition = state.definitions.get(job.key);
  if (definition?.if === undefined) return false;
  // Legs that max-parallel holds back have been decided: they belong to what is cancelled.
  if (definition.needs.every((need) => state.jobs.every((other) => other.key !== need || isConclusion(other.status))))
    return false;
  const results = new Map<string, JobResult>([...state.definitions.keys()].map((key) => [key, "cancelled"]));
  results.delete(job.key);
  const assumed = state.jobs.map((other) =>
    isConclusion(other.status) ? other : { ...other, status: "cancelled" as const },
  );
  const decision = decideJob(definition, {
    contexts: { ...state.contexts, needs: needsContext(directNeeds(definition, assumed)) },
    ancestors: results,
    runCancelled: true,
  });
  return decision.kind === "run";
}
