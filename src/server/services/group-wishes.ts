import { AppError } from "../../lib/errors.ts";
import { type WantedGroup, wantedGroup } from "../../workflow/concurrency.ts";
import { type JobContexts, jobContextMap, legContext } from "../../workflow/expand-job.ts";
import { NeedsHash } from "../../workflow/expressions/needs-hash.ts";
import type { JobDefinition } from "../../workflow/model.ts";
import type { Job } from "../domain/run.ts";
import { jobLeg } from "./job-leg.ts";
import type { JobScope } from "./job-scope.ts";

/** Jobs by id, as their concurrency groups see them. */
export interface GroupAdmission {
  /** They are in all of their groups and may run. */
  readonly admitted: ReadonlySet<number>;
  /** They have asked, and wait for their turn. */
  readonly waiting: ReadonlySet<number>;
}

/** A job that could run, were it in these groups. */
export interface GroupWish {
  readonly job: Job;
  readonly groups: readonly WantedGroup[];
}

/** What becomes of legs that could run. */
export type GroupWishes =
  | { readonly kind: "asked"; readonly released: readonly Job[]; readonly wishes: readonly GroupWish[] }
  | { readonly kind: "error"; readonly message: string };

/** Whether the jobs of this key have to be in concurrency groups: their own, and those of the workflow that they call. */
export function wantsGroups({ concurrency, id }: JobDefinition, scope: JobScope): boolean {
  return concurrency !== undefined || scope.tree.calls.get(id)?.workflow.concurrency !== undefined;
}

/** Tells the legs that may run from those that have to ask for their concurrency groups first. */
export function groupsOfJob(
  definition: JobDefinition,
  scope: JobScope,
  legs: readonly Job[],
  { contexts, admission }: { readonly contexts: JobContexts; readonly admission: GroupAdmission | undefined },
): GroupWishes {
  if (!wantsGroups(definition, scope)) return { kind: "asked", released: legs, wishes: [] };
  try {
    const released = legs.filter((leg) => admission?.admitted.has(leg.id) === true);
    const asking = legs.filter((leg) => !released.includes(leg) && admission?.waiting.has(leg.id) !== true);
    const wishes = asking.map((job) => ({ job, groups: groupsOf(definition, scope, job, contexts) }));
    return { kind: "asked", released, wishes };
  } catch (error) {
    const hashes = error instanceof NeedsHash;
    if (!hashes && !(error instanceof AppError && error.code === "invalid")) throw error;
    const why = hashes ? "it uses hashFiles(), which only steps can" : (error as AppError).message;
    return { kind: "error", message: `The 'concurrency' of job '${definition.id}' cannot be evaluated: ${why}` };
  }
}

function groupsOf(definition: JobDefinition, scope: JobScope, job: Job, contexts: JobContexts): WantedGroup[] {
  const leg = jobLeg(job);
  const called = scope.tree.calls.get(definition.id)?.workflow.concurrency;
  const groups: WantedGroup[] = [];
  if (definition.concurrency !== undefined && leg !== undefined)
    groups.push(wantedGroup(definition.concurrency, legContext(contexts, leg)));
  if (called !== undefined) groups.push(wantedGroup(called, { contexts: jobContextMap(contexts) }));
  return groups.filter(({ name }, index) => groups.findIndex((other) => other.name === name) === index);
}
