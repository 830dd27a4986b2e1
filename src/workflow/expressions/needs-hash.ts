/**
 * Thrown by the evaluation when it meets a `hashFiles(…)` whose result is not in the context. The caller computes it,
 * adds it to `EvaluationContext.hashes` under `hashKey(patterns)` and evaluates again. Not a failure.
 */
export class NeedsHash extends Error {
  readonly patterns: readonly string[];

  constructor(patterns: readonly string[]) {
    super(`hashFiles(${patterns.join(", ")}) has not been computed yet`);
    this.name = "NeedsHash";
    this.patterns = patterns;
  }
}

/** Key of a `hashFiles` result in `EvaluationContext.hashes`. */
export function hashKey(patterns: readonly string[]): string {
  return JSON.stringify(patterns);
}
