import { AppError, errorText } from "../../lib/errors.ts";
import { decideJob } from "../../workflow/decide-job.ts";
import { expandJob, type JobContexts, type JobLeg } from "../../workflow/expand-job.ts";
import { type ExprValue, fromJson } from "../../workflow/expressions/value.ts";
import { MAX_JOBS } from "../../workflow/limits.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import type { JobDefinition } from "../../workflow/model.ts";
import { type JobOutcome, type JobResult, mergeLegs, needsContext } from "../../workflow/needs-context.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import { beginCall, concludeCall } from "./calls.ts";
import { type GroupAdmission, type GroupWish, groupsOfJob } from "./group-wishes.ts";
import { jobLeg } from "./job-leg.ts";
import { jobOutcome } from "./job-outcome.ts";
import { type JobScope, jobScopes, legsOf, openBelow, prefixOf, startedCall } from "./job-scope.ts";
import { legFields } from "./new-jobs.ts";

/** A graph of jobs and what its decisions rest on. */
export interface GraphState {
  readonly tree: WorkflowTree;
  readonly jobs: readonly Job[];
  readonly contexts: { readonly github: ExprValue; readonly inputs: ExprValue; readonly vars: ExprValue };
  readonly now: number;
  /** A newer run of its concurrency group cancels this one. @default false */
  readonly runCancelled?: boolean;
  /** Which jobs their concurrency groups let run. @default none */
  readonly admission?: GroupAdmission;
}

/** What to write so that the graph has nothing left to decide. */
export interface Settlement {
  /** Rows that changed, complete. */
  readonly changed: readonly Job[];
  /** Legs that a matrix over `needs` gave beside the first, which took the place holder's row, and called jobs. */
  readonly added: readonly Omit<Job, "id">[];
  /** Running legs that fail-fast ends. */
  readonly cancel: readonly Job[];
  /** Blocked jobs that could run, were they in their concurrency groups. Those without an id yet ask the next time. */
  readonly wishes: readonly GroupWish[];
}

/**
 * Decides everything that can be decided: jobs whose needs are done run, are skipped or fail; matrices over `needs`
 * are expanded; calls of workflows begin and end; fail-fast and max-parallel are kept; decisions cascade. Pure: settling
 * a settled graph changes nothing.
 */
export function settleGraph(state: GraphState): Settlement {
  const work: Job[] = [...state.jobs];
  const added: Omit<Job, "id">[] = [];
  const cancel = new Map<number, Job>();
  const wishes = new Map<number, GroupWish>();
  // Jobs that were just made have no id yet; negative ones keep them apart until they are stored.
  let nextId = Math.min(0, ...work.map((job) => job.id)) - 1;
  const take = (step: Settlement): boolean => {
    for (const leg of step.cancel) cancel.set(leg.id, leg);
    for (const wish of step.wishes) if (wish.job.id > 0) wishes.set(wish.job.id, wish);
    for (const job of step.changed) work[work.findIndex((other) => other.id === job.id)] = job;
    for (const job of step.added) work.push({ ...job, id: nextId-- });
    return step.changed.length > 0 || step.added.length > 0;
  };
  for (let moved = true; moved; ) {
    moved = false;
    // Called jobs first, so that their caller ends in the same round.
    for (const scope of jobScopes(state.tree, work).reverse()) {
      for (const key of scope.tree.workflow.jobs.keys()) {
        if (take(settleKey(state, scope, key, work))) moved = true;
      }
      if (take(settleCaller(state, scope, work))) moved = true;
    }
  }
  const before = new Map(state.jobs.map((job) => [job.id, job]));
  const changed = work.filter((job) => before.has(job.id) && before.get(job.id) !== job);
  for (const { id, ...job } of work) if (!before.has(id)) added.push(job);
  return { changed, added, cancel: [...cancel.values()], wishes: [...wishes.values()] };
}

const TOO_MANY_JOBS = `the run would have more than ${MAX_JOBS} jobs; make the matrix smaller`;
const NOTHING: Settlement = { changed: [], added: [], cancel: [], wishes: [] };

/** One round for the legs of one key. */
function settleKey(state: GraphState, scope: JobScope, key: string, jobs: readonly Job[]): Settlement {
  const legs = legsOf(scope, key, jobs);
  const definition = scope.tree.workflow.jobs.get(key);
  if (definition === undefined || legs.every((leg) => isConclusion(leg.status))) return NOTHING;
  const failed = legs.find((leg) => leg.status === "failure" && !leg.continueOnError && jobLeg(leg)?.failFast === true);
  if (failed !== undefined) return failFast(legs, failed, jobs, state.now);
  const blocked = legs.filter((leg) => leg.status === "blocked");
  if (blocked.length === 0 || !needsDone(definition, scope, jobs)) return NOTHING;
  const contexts = { ...scopeContexts(state, scope), needs: needsContext(directNeeds(definition, scope, jobs)) };
  const superseded = state.runCancelled === true;
  const runCancelled = superseded || isRunCancelled(jobs);
  const decision = decideJob(definition, {
    contexts,
    ancestors: ancestorResults(definition, scope, jobs),
    runCancelled,
  });
  if (decision.kind === "error")
    return { ...NOTHING, changed: blocked.map((leg) => failedJob(leg, decision.message, state.now)) };
  if (decision.kind === "skip") {
    const status = runCancelled ? ("cancelled" as const) : ("skipped" as const);
    const cause = superseded ? ("superseded" as const) : runCancelled ? ("cancelled" as const) : ("done" as const);
    return { ...NOTHING, changed: blocked.map((leg) => ({ ...leg, status, cause, stoppedAt: state.now })) };
  }
  const [holder] = blocked;
  if (holder !== undefined && holder.leg === null)
    return expandHolder(
      definition,
      contexts,
      { holder, callerName: scope.caller?.name ?? "", jobs: jobs.length },
      state.now,
    );
  const free = admitted(legs, blocked);
  const wishes = groupsOfJob(definition, scope, free, { contexts, admission: state.admission });
  if (wishes.kind === "error")
    return { ...NOTHING, changed: free.map((leg) => failedJob(leg, wishes.message, state.now)) };
  const released = wishes.released;
  const called = scope.tree.calls.get(key);
  if (called !== undefined) {
    const changed: Job[] = [];
    const added: Omit<Job, "id">[] = [];
    for (const leg of released) {
      const count = jobs.length + added.length;
      const begun = beginCall(leg, { definition, called, contexts, jobs: count, now: state.now });
      changed.push(begun.caller);
      added.push(...begun.called);
    }
    return { ...NOTHING, changed, added, wishes: wishes.wishes };
  }
  const waiting = released.map((leg) => ({ ...leg, status: "waiting" as const, readyAt: state.now }));
  return { ...NOTHING, changed: waiting, wishes: wishes.wishes };
}

/** Ends the call that a scope stands for when all of its jobs have ended. */
function settleCaller(state: GraphState, scope: JobScope, jobs: readonly Job[]): Settlement {
  const { caller } = scope;
  const own = jobs.filter((job) => prefixOf(job.key) === scope.prefix);
  if (caller === undefined || isConclusion(caller.status) || own.some((job) => !isConclusion(job.status)))
    return NOTHING;
  const contexts = scopeContexts(state, scope);
  return { ...NOTHING, changed: [concludeCall({ ...scope, caller }, jobs, contexts, state.now)] };
}

/** What the jobs of a scope may read: the inputs are those of its own file. */
export function scopeContexts({ contexts }: Pick<GraphState, "contexts">, { caller }: JobScope): JobContexts {
  const call = caller && startedCall(caller);
  return call === undefined ? contexts : { ...contexts, inputs: fromJson({ ...call.inputs }) };
}

/** Whether somebody cancelled the run; jobs ended by fail-fast carry another cause. */
export function isRunCancelled(jobs: readonly Job[]): boolean {
  return jobs.some((job) => job.cause === "cancelled");
}

function needsDone(definition: JobDefinition, scope: JobScope, jobs: readonly Job[]): boolean {
  return definition.needs.every((need) => legsOf(scope, need, jobs).every((job) => isConclusion(job.status)));
}

/** Outcomes of the direct needs, leg by leg. */
export function directNeeds(
  definition: Pick<JobDefinition, "needs">,
  scope: JobScope,
  jobs: readonly Job[],
): ReadonlyMap<string, readonly JobOutcome[]> {
  return new Map(definition.needs.map((need) => [need, legsOf(scope, need, jobs).map(jobOutcome)]));
}

function ancestorResults(
  definition: JobDefinition,
  scope: JobScope,
  jobs: readonly Job[],
): ReadonlyMap<string, JobResult> {
  const results = new Map<string, JobResult>();
  const visit = (needs: readonly string[]) => {
    for (const need of needs) {
      if (results.has(need)) continue;
      results.set(need, mergeLegs(legsOf(scope, need, jobs).map(jobOutcome)).result);
      visit(scope.tree.workflow.jobs.get(need)?.needs ?? []);
    }
  };
  visit(definition.needs);
  return results;
}

/** A leg failed: those that have not begun are cancelled here, those that run are handed back to be cancelled. */
function failFast(legs: readonly Job[], failed: Job, jobs: readonly Job[], now: number): Settlement {
  const message = `cancelled, because ${failed.name} failed and fail-fast is on`;
  const open = legs.filter((leg) => !isConclusion(leg.status));
  // A leg that calls a workflow ends when its called jobs have.
  const work = open.flatMap((leg) => (startedCall(leg) === undefined ? [leg] : openBelow(leg, jobs)));
  const idle = work.filter((job) => job.status === "blocked" || job.status === "waiting");
  return {
    ...NOTHING,
    changed: idle.map((leg) => ({ ...leg, status: "cancelled", cause: "failed", message, stoppedAt: now })),
    cancel: work.filter((job) => job.status === "running" && startedCall(job) === undefined),
  };
}

function failedJob(job: Job, message: string, now: number): Job {
  return { ...job, status: "failure", cause: "failed", message, stoppedAt: now };
}

/** Replaces the place holder of a matrix over `needs` by its legs, all of them still blocked. */
function expandHolder(
  definition: JobDefinition,
  contexts: JobContexts,
  { holder, callerName, jobs }: { readonly holder: Job; readonly callerName: string; readonly jobs: number },
  now: number,
): Settlement {
  let legs: readonly JobLeg[];
  try {
    legs = expandJob(definition, contexts);
  } catch (error) {
    const message = error instanceof AppError ? error.message : `the job cannot be expanded: ${errorText(error)}`;
    return { ...NOTHING, changed: [failedJob(holder, message, now)] };
  }
  const [first, ...rest] = legs.map((leg) => ({ ...holder, ...legFields(leg, callerName) }));
  if (first === undefined) return { ...NOTHING, changed: [failedJob(holder, "the job's matrix is empty", now)] };
  if (jobs + rest.length > MAX_JOBS) return { ...NOTHING, changed: [failedJob(holder, TOO_MANY_JOBS, now)] };
  return { ...NOTHING, changed: [first], added: rest.map(({ id: _, ...leg }) => ({ ...leg, createdAt: now })) };
}

/** As many blocked legs as max-parallel admits. */
function admitted(legs: readonly Job[], blocked: readonly Job[]): Job[] {
  const active = legs.filter((leg) => leg.status !== "blocked" && !isConclusion(leg.status)).length;
  const limit = Math.max(1, jobLeg(blocked[0])?.maxParallel ?? Number.POSITIVE_INFINITY);
  return blocked.slice(0, Math.max(0, limit - active));
}
