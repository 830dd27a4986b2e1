import type { JsonValue } from "../../lib/json.ts";
import { evaluateNumber } from "../../workflow/evaluate-template.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import type { JobDefinition } from "../../workflow/model.ts";

/** Longest time that a job may wind down; GitHub limits a whole job to it. */
const LONGEST_MS = 6 * 60 * 60_000;

/**
 * The job's `cancel-timeout-minutes` in milliseconds; null where it has none, or one that cannot be read: the runner
 * says so in the job's log, and the default holds.
 * @param contexts by name, such as `github` and `matrix`
 */
export function cancelTimeoutMs(
  { cancelTimeoutMinutes }: Pick<JobDefinition, "cancelTimeoutMinutes">,
  contexts: Readonly<Record<string, JsonValue>>,
): number | null {
  if (cancelTimeoutMinutes === undefined) return null;
  try {
    const values = new Map(Object.entries(contexts).map(([name, value]) => [name, fromJson(value)]));
    const minutes = evaluateNumber(cancelTimeoutMinutes, { contexts: values });
    return minutes > 0 ? Math.min(Math.round(minutes * 60_000), LONGEST_MS) : null;
  } catch {
    return null;
  }
}
