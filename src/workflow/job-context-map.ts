import type { JobContexts } from "./expand-job.ts";
import { ExprObject, type ExprValue } from "./expressions/value.ts";

/** The contexts that the server knows, as the evaluator wants them. */
export function jobContextMap(
  contexts: JobContexts,
  more: Readonly<Record<string, ExprValue>> = {},
): ReadonlyMap<string, ExprValue> {
  return new Map<string, ExprValue>([
    ["github", contexts.github],
    ["inputs", contexts.inputs],
    ["vars", contexts.vars],
    ["needs", contexts.needs ?? new ExprObject()],
    ...Object.entries(more),
  ]);
}
