import type { WorkflowTree } from "../../workflow/link-calls.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import { jobLeg, type StoredLeg } from "./job-leg.ts";

/**
 * The jobs of one workflow file within a run: those of the run's own file, or those of a file that a job calls. The
 * key of a called job is that of its caller, `/`, and its own: `deploy/test`; `deploy.1/test` when the caller is the
 * second of several legs. So every job of a run has a key that says where it stands.
 */
export interface JobScope {
  /** What the keys of its jobs begin with; empty for the run's own file. */
  readonly prefix: string;
  readonly tree: WorkflowTree;
  /** The job that called the file; absent for the run's own. */
  readonly caller?: Job;
  /** Where the caller stands. */
  readonly parent?: JobScope;
}

/** What a job keeps of the call that it has begun; undefined for a job that runs on a runner, or has not begun. */
export function startedCall(job: Pick<Job, "leg">): StoredLeg["call"] {
  return jobLeg(job)?.call;
}

/** All scopes of a run that there are by now; a caller's before those that it calls. */
export function jobScopes(tree: WorkflowTree, jobs: readonly Job[]): JobScope[] {
  const scopes: JobScope[] = [{ prefix: "", tree }];
  // The list grows while it is walked.
  for (const scope of scopes) {
    if (scope.tree.calls.size === 0) continue;
    for (const job of jobs) {
      const called = prefixOf(job.key) === scope.prefix ? scope.tree.calls.get(ownKey(job.key)) : undefined;
      if (called === undefined || startedCall(job) === undefined) continue;
      scopes.push({ prefix: prefixBelow(job), tree: called, caller: job, parent: scope });
    }
  }
  return scopes;
}

/** The scope in which a job stands; undefined when its callers are gone. */
export function scopeOf(job: Pick<Job, "key">, tree: WorkflowTree, jobs: readonly Job[]): JobScope | undefined {
  const prefix = prefixOf(job.key);
  return prefix === "" ? { prefix, tree } : jobScopes(tree, jobs).find((scope) => scope.prefix === prefix);
}

/** The rows of a job of this scope, by its key in the file: one for each leg. */
export function legsOf({ prefix }: JobScope, key: string, jobs: readonly Job[]): Job[] {
  const full = prefix + key;
  return jobs.filter((job) => job.key === full);
}

/** What the keys of the jobs begin with that this one calls. */
export function prefixBelow(caller: Pick<Job, "key" | "leg">): string {
  const leg = jobLeg(caller);
  return leg === undefined || leg.total === 1 ? `${caller.key}/` : `${caller.key}.${leg.index}/`;
}

/** Up to and with the last `/`. */
export function prefixOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

/** The key below `jobs` in the job's own file. */
export function ownKey(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** Jobs that a caller called, directly or not, and that have not ended. */
export function openBelow(caller: Job, jobs: readonly Job[]): Job[] {
  const prefix = prefixBelow(caller);
  return jobs.filter((job) => job.key.startsWith(prefix) && !isConclusion(job.status));
}
