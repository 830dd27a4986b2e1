import { AppError } from "../lib/errors.ts";
import type { JobContexts } from "./expand-job.ts";
import type { JobDefinition } from "./model.ts";
import type { JobResult } from "./needs-context.ts";

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
export function decideJob(definition: JobDefinition, _input: DecideJobInput): JobDecision {
  throw new AppError("internal", `decideJob is not written yet (${definition.id})`);
}
