import { callDeclaration } from "./call-declaration.ts";
import { evaluateText } from "./evaluate-template.ts";
import { type JobContexts, jobContextMap } from "./expand-job.ts";
import { ExprObject, fromJson } from "./expressions/value.ts";
import type { Workflow } from "./model.ts";
import { type JobOutcome, mergeLegs } from "./needs-context.ts";

/**
 * The outputs of a called workflow whose jobs have ended (`on.workflow_call.outputs`); those that are empty are left out.
 * @param legs how the legs of a job ended, by its key
 * @throws AppError invalid when an expression cannot be evaluated; NeedsHash
 */
export function callOutputs(
  workflow: Workflow,
  legs: (key: string) => readonly JobOutcome[],
  contexts: JobContexts,
): Record<string, string> {
  const results = [...workflow.jobs.keys()].map((key) => {
    const { result, outputs } = mergeLegs(legs(key));
    return [key, fromJson({ result, outputs: { ...outputs } })] as const;
  });
  const context = { contexts: jobContextMap(contexts, { jobs: new ExprObject(results) }) };
  const declared = callDeclaration(workflow)?.outputs ?? [];
  const values = declared.map(({ name, value }) => [name, evaluateText(value, context)] as const);
  return Object.fromEntries(values.filter(([, value]) => value !== ""));
}
