import type { EvaluationContext, ExprFunction } from "../../workflow/expressions/evaluation-context.ts";
import { ExprObject, type ExprValue, fromJson } from "../../workflow/expressions/value.ts";
import { needsContext } from "../../workflow/needs-context.ts";
import type { JobRequest } from "./job-request.ts";
import type { JobState, StepRecord } from "./job-state.ts";
import type { StepFrame } from "./step-frame.ts";

/** Contexts that stay the same for the whole job; made once, since the event may be large. */
export function fixedContexts(request: JobRequest): ReadonlyMap<string, ExprValue> {
  return new Map<string, ExprValue>([
    ["inputs", fromJson({ ...request.inputs })],
    ["vars", texts(request.vars)],
    ["secrets", texts(request.secrets)],
    ["needs", needsContext(new Map([...request.needs].map(([id, outcome]) => [id, [outcome]])))],
    ["matrix", fromJson({ ...request.matrix })],
    ["strategy", fromJson({ ...request.strategy })],
  ]);
}

/** What an expression at one place of a running job may read besides the fixed contexts. */
export interface ContextPlace {
  readonly github: ExprObject;
  readonly runner: ExprValue;
  /** The job's variables with the step's over them. */
  readonly env: ReadonlyMap<string, string>;
  readonly platform: NodeJS.Platform;
  readonly frame: StepFrame;
  /** What the `job` context says besides the status. @default nothing */
  readonly job?: readonly (readonly [string, ExprValue])[];
}

/**
 * The contexts and status functions of a place in a job. `success()` and its kin look at the job's status as it is when
 * they are called, so that a condition evaluated again after a cancel sees the cancel; in the main stage of a composite
 * action, at the action's own.
 */
export function evaluationContext(
  fixed: ReadonlyMap<string, ExprValue>,
  state: JobState,
  place: ContextPlace,
): EvaluationContext {
  return {
    contexts: new Map<string, ExprValue>([
      ...fixed,
      ...place.frame.contexts,
      ["github", place.github],
      ["runner", place.runner],
      ["env", new ExprObject(place.env, { caseSensitive: place.platform !== "win32" })],
      ["job", new ExprObject([["status", state.status], ...(place.job ?? [])])],
      ["steps", stepsContext(place.frame.steps)],
    ]),
    functions: statusFunctions(state, place.frame),
  };
}

function texts(record: Readonly<Record<string, string>>): ExprObject {
  return new ExprObject(Object.entries(record));
}

function stepsContext(steps: ReadonlyMap<string, StepRecord>): ExprObject {
  return new ExprObject(
    [...steps].map(([id, step]) => [
      id,
      new ExprObject([
        ["outputs", new ExprObject(step.outputs)],
        ["outcome", step.outcome],
        ["conclusion", step.conclusion],
      ]),
    ]),
  );
}

function statusFunctions(state: JobState, { own }: StepFrame): ReadonlyMap<string, ExprFunction> {
  return new Map<string, ExprFunction>([
    ["success", () => (own ?? state).status === "success"],
    ["failure", () => (own ?? state).status === "failure"],
    ["cancelled", () => state.status === "cancelled"],
    ["always", () => true],
  ]);
}
