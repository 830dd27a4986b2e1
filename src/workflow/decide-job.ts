import { evaluateCondition } from "./evaluate-template.ts";
import { type JobContexts, jobContextMap } from "./expand-job.ts";
import { ExpressionError } from "./expressions/expression-error.ts";
import { NeedsHash } from "./expressions/needs-hash.ts";
import type { JobDefinition } from "./model.ts";
import type { JobResult } from "./needs-context.ts";
import { jobStatusFunctions } from "./status-functions.ts";

/** What happens to a job whose needs are done. */
export type JobDecision =
  | { readonly kind: "run" }
  | { readonly kind: "skip" }
  | { readonly kind: "error"; readonly message: string };

/** What the decision rests on. */
export interface DecideJobInput {
  readonly contexts: JobContexts;
  /** Results of all ancestors (direct and indirect needs) by job id; of a matrix the merged result. */
  readonly ancestors: ReadonlyMap<string, JobResult>;
  readonly runCancelled: boolean;
}

/** Decides by the job's `if` whether it runs. A condition that cannot be evaluated is the kind `error`. */
export function decideJob(definition: JobDefinition, input: DecideJobInput): JobDecision {
  const functions = jobStatusFunctions(input.ancestors, input.runCancelled);
  try {
    const holds =
      definition.if === undefined
        ? functions.get("success")?.([]) === true
        : evaluateCondition(definition.if, { contexts: jobContextMap(input.contexts), functions });
    return { kind: holds ? "run" : "skip" };
  } catch (error) {
    if (error instanceof NeedsHash) {
      return { kind: "error", message: `The 'if' of job '${definition.id}' uses hashFiles(), which only steps can` };
    }
    if (!(error instanceof ExpressionError)) throw error;
    return { kind: "error", message: `The 'if' of job '${definition.id}' cannot be evaluated: ${error.message}` };
  }
}
