import { AppError, errorText } from "../../lib/errors.ts";
import { decideJob } from "../../workflow/decide-job.ts";
import { expandJob, type JobLeg } from "../../workflow/expand-job.ts";
import type { ExprValue } from "../../workflow/expressions/value.ts";
import type { JobDefinition } from "../../workflow/model.ts";
import { type JobOutcome, type JobResult, mergeLegs, needsContext } from "../../workflow/needs-context.ts";
import { isConclusion, type Job } from "../domain/run.ts";
import { jobLeg } from "./job-leg.ts";
import { jobOutcome } from "./job-outcome.ts";

/** A graph of jobs and what its decisions rest on. */
export interface GraphState {
  readonly definitions: ReadonlyMap<string, JobDefinition>;
  readonly jobs: readonly Job[];
  readonly contexts: { readonly github: ExprValue; readonly inputs: ExprValue; readonly vars: ExprValue };
  readonly now: number;
}

/** What to write so that the graph has nothing left to decide. */
export interface Settlement {
  /** Rows that changed, complete. */
  readonly changed: readonly Job[];
  /** Legs that a matrix over `needs` gave beside the first, which took the place holder's row. */
  readonly added: readonly Omit<Job, "id">[];
  /** Running legs that fail-fast ends. */
  readonly cancel: readonly Job[];
}

/**
 * Decides everything that can be decided: jobs whose needs are done run, are skipped or fail; matrices over `needs`
 * are expanded; fail-fast and max-parallel are kept; decisions cascade. Pure: settling a settled graph changes nothing.
 */
export function settleGraph(state: GraphState): Settlement {
  const work: Job[] = [...state.jobs];
  const added: Omit<Job, "id">[] = [];
  const cancel = new Map<number, Job>();
  // Legs that were just made have no id yet; negative ones keep them apart until they are stored.
  let nextId = Math.min(0, ...work.map((job) => job.id)) - 1;
  const keys = [...state.definitions.keys()];
  for (let moved = true; moved; ) {
    moved = false;
    for (const key of keys) {
      const step = settleKey(state, key, work);
      for (const leg of step.cancel) cancel.set(leg.id, leg);
      for (const job of step.changed) work[work.findIndex((other) => other.id === job.id)] = job;
      for (const job of step.added) work.push({ ...job, id: nextId-- });
      if (step.changed.length > 0 || step.added.length > 0) moved = true;
    }
  }
  const before = new Map(state.jobs.map((job) => [job.id, job]));
  const changed = work.filter((job) => before.has(job.id) && before.get(job.id) !== job);
  for (const { id, ...job } of work) if (!before.has(id)) added.push(job);
  return { changed, added, cancel: [...cancel.values()] };
}

/** One round for the legs of one key. */
function settleKey(state: GraphState, key: string, jobs: readonly Job[]): Settlement {
  const legs = jobs.filter((job) => job.key === key);
  const definition = state.definitions.get(key);
  if (definition === undefined || legs.every((leg) => isConclusion(leg.status))) return NOTHING;
  const failed = legs.find((leg) => leg.status === "failure" && !leg.continueOnError && jobLeg(leg)?.failFast === true);
  if (failed !== undefined) return failFast(legs, failed, state.now);
  const blocked = legs.filter((leg) => leg.status === "blocked");
  if (blocked.length === 0 || !needsDone(definition, jobs)) return NOTHING;
  const contexts = { ...state.contexts, needs: needsContext(directNeeds(definition, jobs)) };
  const runCancelled = isRunCancelled(jobs);
  const decision = decideJob(definition, {
    contexts,
    ancestors: ancestorResults(state.definitions, definition, jobs),
    runCancelled,
  });
  if (decision.kind === "error")
    return { ...NOTHING, changed: blocked.map((leg) => failedJob(leg, decision.message, state.now)) };
  if (decision.kind === "skip") {
    const status = runCancelled ? ("cancelled" as const) : ("skipped" as const);
    const cause = runCancelled ? ("cancelled" as const) : ("done" as const);
    return { ...NOTHING, changed: blocked.map((leg) => ({ ...leg, status, cause, stoppedAt: state.now })) };
  }
  const [holder] = blocked;
  if (holder !== undefined && holder.leg === null) return expandHolder(definition, contexts, holder, state.now);
  return release(legs, blocked, state.now);
}

const NOTHING: Settlement = { changed: [], added: [], cancel: [] };

/** Whether somebody cancelled the run; jobs ended by fail-fast carry another cause. */
export function isRunCancelled(jobs: readonly Job[]): boolean {
  return jobs.some((job) => job.cause === "cancelled");
}

function needsDone(definition: JobDefinition, jobs: readonly Job[]): boolean {
  return definition.needs.every((need) => jobs.every((job) => job.key !== need || isConclusion(job.status)));
}

/** Outcomes of the direct needs, leg by leg. */
export function directNeeds(
  definition: Pick<JobDefinition, "needs">,
  jobs: readonly Job[],
): ReadonlyMap<string, readonly JobOutcome[]> {
  return new Map(definition.needs.map((need) => [need, jobs.filter((job) => job.key === need).map(jobOutcome)]));
}

function ancestorResults(
  definitions: ReadonlyMap<string, JobDefinition>,
  definition: JobDefinition,
  jobs: readonly Job[],
): ReadonlyMap<string, JobResult> {
  const results = new Map<string, JobResult>();
  const visit = (needs: readonly string[]) => {
    for (const need of needs) {
      if (results.has(need)) continue;
      results.set(need, mergeLegs(jobs.filter((job) => job.key === need).map(jobOutcome)).result);
      visit(definitions.get(need)?.needs ?? []);
    }
  };
  visit(definition.needs);
  return results;
}

/** A leg failed: those that have not begun are cancelled here, those that run are handed back to be cancelled. */
function failFast(legs: readonly Job[], failed: Job, now: number): Settlement {
  const message = `cancelled, because ${failed.name} failed and fail-fast is on`;
  const idle = legs.filter((leg) => leg.status === "blocked" || leg.status === "waiting");
  return {
    changed: idle.map((leg) => ({ ...leg, status: "cancelled", cause: "failed", message, stoppedAt: now })),
    added: [],
    cancel: legs.filter((leg) => leg.status === "running"),
  };
}

function failedJob(job: Job, message: string, now: number): Job {
  return { ...job, status: "failure", cause: "failed", message, stoppedAt: now };
}

/** Replaces the place holder of a matrix over `needs` by its legs, all of them still blocked. */
function expandHolder(
  definition: JobDefinition,
  contexts: Parameters<typeof expandJob>[1],
  holder: Job,
  now: number,
): Settlement {
  let legs: readonly JobLeg[];
  try {
    legs = expandJob(definition, contexts);
  } catch (error) {
    const message = error instanceof AppError ? error.message : `the job cannot be expanded: ${errorText(error)}`;
    return { ...NOTHING, changed: [failedJob(holder, message, now)] };
  }
  const [first, ...rest] = legs.map((leg) => ({ ...holder, ...legFields(leg) }));
  if (first === undefined) return { ...NOTHING, changed: [failedJob(holder, "the job's matrix is empty", now)] };
  return { changed: [first], added: rest.map(({ id: _, ...leg }) => ({ ...leg, createdAt: now })), cancel: [] };
}

/** Fields of a job that come from its leg. */
export function legFields(leg: JobLeg): Pick<Job, "name" | "runsOn" | "continueOnError" | "leg"> {
  const { name, runsOn, continueOnError, matrix, index, total, failFast, maxParallel } = leg;
  return {
    name,
    runsOn,
    continueOnError,
    leg: {
      name,
      runsOn: [...runsOn],
      matrix: { ...matrix },
      index,
      total,
      failFast,
      continueOnError,
      ...(maxParallel === undefined ? {} : { maxParallel }),
    },
  };
}

/** Makes as many blocked legs `waiting` as max-parallel admits. */
function release(legs: readonly Job[], blocked: readonly Job[], now: number): Settlement {
  const active = legs.filter((leg) => leg.status !== "blocked" && !isConclusion(leg.status)).length;
  const limit = Math.max(1, jobLeg(blocked[0])?.maxParallel ?? Number.POSITIVE_INFINITY);
  const admitted = blocked.slice(0, Math.max(0, limit - active));
  return { ...NOTHING, changed: admitted.map((leg) => ({ ...leg, status: "waiting", readyAt: now })) };
}
