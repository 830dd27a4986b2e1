import { AppError } from "../lib/errors.ts";
import type { Diagnostic, Range } from "./diagnostic.ts";
import { evaluateText } from "./evaluate-template.ts";
import { expandJob, type JobLeg, jobContextMap } from "./expand-job.ts";
import type { ExprValue } from "./expressions/value.ts";
import { MAX_JOBS } from "./limits.ts";
import type { JobDefinition, Workflow } from "./model.ts";
import { readsContext } from "./reads-context.ts";

/** A job of a run. A `dynamic` one reads `needs` in its strategy, runs-on or name and is expanded when its needs are done. */
export type PlannedJob = {
  /** Id below `jobs`. */
  readonly key: string;
  readonly needs: readonly string[];
  readonly definition: JobDefinition;
} & ({ readonly dynamic: false; readonly legs: readonly JobLeg[] } | { readonly dynamic: true });

/** A run as it stands at its creation. With an error among the diagnostics it must not be started. */
export interface RunPlan {
  /** In topological order. */
  readonly jobs: readonly PlannedJob[];
  /** The evaluated `run-name`; absent when the file has none or it is empty. */
  readonly runName?: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Contexts that are known when a run is made. */
export interface RunContexts {
  readonly github: ExprValue;
  readonly inputs: ExprValue;
  readonly vars: ExprValue;
}

/** Plans a run: order, matrix legs, names and labels of its jobs. */
export function planRun(workflow: Workflow, contexts: RunContexts): RunPlan {
  const diagnostics: Diagnostic[] = [];
  const jobs: PlannedJob[] = [];
  for (const definition of inOrder(workflow.jobs)) {
    const planned = attempt("bad-job", definition.range, diagnostics, () => planJob(definition, contexts));
    if (planned !== undefined) jobs.push(planned);
  }
  const count = jobs.reduce((sum, job) => sum + (job.dynamic ? 1 : job.legs.length), 0);
  if (count > MAX_JOBS) {
    const range = jobs[0]?.definition.range ?? { line: 1, column: 1, endLine: 1, endColumn: 1 };
    const message = `The run has ${count} jobs; at most ${MAX_JOBS} are allowed`;
    diagnostics.push({ severity: "error", code: "too-many-jobs", message, range });
  }
  const name = workflow.runName;
  const runName =
    name &&
    attempt("bad-run-name", name.range, diagnostics, () =>
      evaluateText(name, { contexts: jobContextMap(contexts) }).trim(),
    );
  return { jobs, ...(runName ? { runName } : {}), diagnostics };
}

/** Whether a job has to be expanded later, because its shape depends on the outcome of its needs. */
export function isDynamic({ strategy, runsOn, name, continueOnError }: JobDefinition): boolean {
  const templates = [strategy?.matrix, strategy?.failFast, strategy?.maxParallel, runsOn, name, continueOnError];
  return templates.some((template) => template !== undefined && readsContext(template, "needs"));
}

function planJob(definition: JobDefinition, contexts: RunContexts): PlannedJob {
  const common = { key: definition.id, needs: definition.needs, definition };
  if (isDynamic(definition)) return { ...common, dynamic: true };
  return { ...common, dynamic: false, legs: expandJob(definition, contexts) };
}

/** What an action yields; a mistake of the author becomes a finding. */
export function attempt<T>(code: string, range: Range, diagnostics: Diagnostic[], action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "invalid") throw error;
    diagnostics.push({ severity: "error", code, message: error.message, range });
    return undefined;
  }
}

/** Jobs after their needs, otherwise in file order. The parser has ruled out cycles. */
function inOrder(jobs: ReadonlyMap<string, JobDefinition>): JobDefinition[] {
  const placed = new Set<JobDefinition>();
  const place = (job: JobDefinition): void => {
    if (placed.has(job)) return;
    for (const need of job.needs) {
      const needed = jobs.get(need);
      if (needed !== undefined) place(needed);
    }
    placed.add(job);
  };
  for (const job of jobs.values()) place(job);
  return [...placed];
}
