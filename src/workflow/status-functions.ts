import type { ExprFunction } from "./expressions/evaluation-context.ts";
import { foldCase, toText } from "./expressions/value.ts";
import type { JobResult } from "./needs-context.ts";

/**
 * The status functions of a job's `if`: `success()` when every ancestor succeeded, `failure()` when one failed; with ids
 * as arguments only those jobs count. `cancelled()` is about the run.
 */
export function jobStatusFunctions(
  ancestors: ReadonlyMap<string, JobResult>,
  runCancelled: boolean,
): ReadonlyMap<string, ExprFunction> {
  const results = new Map([...ancestors].map(([id, result]) => [foldCase(id), result]));
  const chosen = (ids: readonly string[]) =>
    ids.length === 0 ? [...results.values()] : ids.map((id) => results.get(foldCase(id)));
  return new Map<string, ExprFunction>([
    ["success", (args) => !runCancelled && chosen(args.map(toText)).every((result) => result === "success")],
    ["failure", (args) => chosen(args.map(toText)).some((result) => result === "failure")],
    ["cancelled", () => runCancelled],
    ["always", () => true],
  ]);
}
