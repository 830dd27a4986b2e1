import type { JobDefinition } from "../../workflow/model.ts";
import type { PlannedJob } from "../../workflow/plan-run.ts";
import type { Job } from "../domain/run.ts";

/** How the rows of a run change for its next attempt. */
export interface RerunPlan {
  /** Rows that are blocked again, complete. */
  readonly reset: readonly Job[];
  /** Legs of a matrix over `needs`; it is expanded anew. */
  readonly removed: readonly Job[];
}

/**
 * Plans the next attempt of a run: all jobs, or those that did not succeed and all that need one of them. Jobs that
 * are not run again keep their result and outputs.
 */
export function rerunGraph(
  definitions: ReadonlyMap<string, JobDefinition>,
  planned: readonly PlannedJob[],
  jobs: readonly Job[],
  which: "all" | "failed",
  attempt: number,
): RerunPlan {
  const again = which === "all" ? new Set(definitions.keys()) : unsuccessful(definitions, jobs);
  const dynamic = new Set(planned.filter((job) => job.dynamic).map((job) => job.key));
  const holders = new Set<string>();
  const reset: Job[] = [];
  const removed: Job[] = [];
  for (const job of jobs) {
    const legOnly = which === "failed" && job.status === "success" && !dependsOn(definitions, job.key, again);
    if (!again.has(job.key) || legOnly) continue;
    if (dynamic.has(job.key) && which === "all") {
      if (holders.has(job.key)) removed.push(job);
      else reset.push({ ...blocked(job, attempt), name: job.key, leg: null, runsOn: [], continueOnError: false });
      holders.add(job.key);
    } else reset.push(blocked(job, attempt));
  }
  return { reset, removed };
}

function blocked(job: Job, attempt: number): Job {
  return {
    ...job,
    ...{
      attempt,
      delivery: 0,
      status: "blocked",
      cause: null,
      message: null,
      taskId: null,
      outputs: {},
      reservation: null,
    },
    ...{ readyAt: null, startedAt: null, stoppedAt: null },
  };
}

/** Keys of jobs with a leg that failed or was cancelled, and of all jobs that need one of them. */
function unsuccessful(definitions: ReadonlyMap<string, JobDefinition>, jobs: readonly Job[]): Set<string> {
  const keys = new Set(
    jobs.filter((job) => job.status === "failure" || job.status === "cancelled").map((job) => job.key),
  );
  for (let size = -1; size !== keys.size; ) {
    size = keys.size;
    for (const key of definitions.keys()) if (dependsOn(definitions, key, keys)) keys.add(key);
  }
  return keys;
}

function dependsOn(definitions: ReadonlyMap<string, JobDefinition>, key: string, keys: ReadonlySet<string>): boolean {
  return definitions.get(key)?.needs.some((need) => keys.has(need)) === true;
}
