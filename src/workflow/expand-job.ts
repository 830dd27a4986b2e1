import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import type { ExprValue } from "./expressions/value.ts";
import type { JobDefinition } from "./model.ts";

/** One execution of a job: a leg of its matrix, or the job itself. */
export interface JobLeg {
  /** Display name. */
  readonly name: string;
  /** The `matrix` context; empty without a matrix. */
  readonly matrix: { readonly [key: string]: JsonValue };
  /** Labels a runner needs; empty for a job with `uses`. */
  readonly runsOn: readonly string[];
  /** `strategy.job-index`, from 0. */
  readonly index: number;
  /** `strategy.job-total`. */
  readonly total: number;
  readonly failFast: boolean;
  readonly maxParallel?: number;
  readonly continueOnError: boolean;
}

/** Contexts for a job whose needs are done. */
export interface JobContexts {
  readonly github: ExprValue;
  readonly inputs: ExprValue;
  readonly vars: ExprValue;
  /** From `needsContext`. @default empty */
  readonly needs?: ExprValue;
}

/** Expands a job into its legs. @throws AppError("invalid") when the strategy, name or runs-on cannot be evaluated */
export function expandJob(definition: JobDefinition, _contexts: JobContexts): JobLeg[] {
  throw new AppError("internal", `expandJob is not written yet (${definition.id})`);
}
