import type { WorkflowTree } from "../../workflow/link-calls.ts";
import type { JobDefinition } from "../../workflow/model.ts";
import { isDynamic } from "../../workflow/plan-run.ts";
import type { Job } from "../domain/run.ts";
import { jobLeg } from "./job-leg.ts";
import { type JobScope, jobScopes, ownKey, prefixBelow, prefixOf, startedCall } from "./job-scope.ts";

/** How the rows of a run change for its next attempt. */
export interface RerunPlan {
  /** Rows that are blocked again, complete; a call of which only some jobs are run again goes on instead. */
  readonly reset: readonly Job[];
  /** Legs of a matrix over `needs`, which is expanded anew, and jobs of calls that begin anew. */
  readonly removed: readonly Job[];
}

/**
 * Plans the next attempt of a run: all jobs, or those that did not succeed and all that need one of them. Jobs that
 * are not run again keep their result and outputs. Of a call that failed, only the failed jobs are run again.
 */
export function rerunGraph(
  tree: WorkflowTree,
  jobs: readonly Job[],
  which: "all" | "failed",
  attempt: number,
  now: number,
): RerunPlan {
  const plan = { reset: [] as Job[], removed: [] as Job[] };
  const scopes = new Map(jobScopes(tree, jobs).map((scope) => [scope.prefix, scope]));
  const visit = (scope: JobScope) => {
    const { goesOn } = resetScope(scope, jobs, { which, attempt, now }, plan);
    for (const caller of goesOn) {
      const below = scopes.get(prefixBelow(caller));
      if (below !== undefined) visit(below);
    }
  };
  visit({ prefix: "", tree });
  return plan;
}

interface Rerun {
  readonly which: "all" | "failed";
  readonly attempt: number;
  readonly now: number;
}

/** The rows of one file; returns the calls of which some jobs are run again. */
function resetScope(
  { prefix, tree }: JobScope,
  jobs: readonly Job[],
  { which, attempt, now }: Rerun,
  plan: { readonly reset: Job[]; readonly removed: Job[] },
): { goesOn: Job[] } {
  const definitions = tree.workflow.jobs;
  const own = jobs.filter((job) => prefixOf(job.key) === prefix);
  const again = which === "all" ? new Set(definitions.keys()) : unsuccessful(definitions, own);
  const holders = new Set<string>();
  const goesOn: Job[] = [];
  for (const job of own) {
    const key = ownKey(job.key);
    const definition = definitions.get(key);
    const needed = dependsOn(definitions, key, again);
    const legOnly = which === "failed" && job.status === "success" && !needed;
    if (definition === undefined || !again.has(key) || legOnly) continue;
    if (which === "failed" && !needed && startedCall(job) !== undefined) {
      goesOn.push(job);
      plan.reset.push({ ...blocked(job, attempt), status: "running", startedAt: now });
      continue;
    }
    if (startedCall(job) !== undefined)
      plan.removed.push(...jobs.filter((other) => other.key.startsWith(prefixBelow(job))));
    const anew = blocked(withoutCall(job), attempt);
    if (isDynamic(definition) && which === "all") {
      if (holders.has(key)) plan.removed.push(job);
      else plan.reset.push({ ...anew, name: key, leg: null, runsOn: [], continueOnError: false });
      holders.add(key);
    } else plan.reset.push(anew);
  }
  return { goesOn };
}

function withoutCall(job: Job): Job {
  const leg = jobLeg(job);
  if (leg?.call === undefined) return job;
  const { call: _, runsOn, ...rest } = leg;
  return { ...job, leg: { ...rest, runsOn: [...runsOn] } };
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
    jobs.filter((job) => job.status === "failure" || job.status === "cancelled").map((job) => ownKey(job.key)),
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
