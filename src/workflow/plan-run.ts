import { AppError } from "../lib/errors.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { JobLeg } from "./expand-job.ts";
import type { ExprValue } from "./expressions/value.ts";
import type { JobDefinition, Workflow } from "./model.ts";

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
  /** The evaluated `run-name`; absent or empty when the file has none. */
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
export function planRun(workflow: Workflow, _contexts: RunContexts): RunPlan {
  throw new AppError("internal", `planRun is not written yet (${workflow.name})`);
}
