import { AppError } from "../../lib/errors.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import { hashKey, NeedsHash } from "../../workflow/expressions/needs-hash.ts";
import type { Evaluated } from "./step-rules.ts";

/** Computes `hashFiles(patterns)`; the empty string when nothing matches. */
export type HashFiles = (patterns: readonly string[]) => Promise<string>;

/**
 * Evaluates with `evaluate`, computing each `hashFiles` it asks for. What is wrong with the expression is a value; only
 * faults of our own are thrown.
 */
export async function tryEvaluate<T>(
  context: EvaluationContext,
  hashFiles: HashFiles,
  evaluate: (context: EvaluationContext) => T,
): Promise<Evaluated<T>> {
  const hashes = new Map<string, string>();
  for (;;) {
    try {
      return { ok: true, value: evaluate({ ...context, hashes }) };
    } catch (error) {
      if (error instanceof NeedsHash && !hashes.has(hashKey(error.patterns))) {
        const hash = await tryHash(hashFiles, error.patterns);
        if (!hash.ok) return hash;
        hashes.set(hashKey(error.patterns), hash.value);
      } else if (error instanceof AppError && error.code === "invalid") {
        return { ok: false, message: error.message };
      } else {
        throw error;
      }
    }
  }
}

async function tryHash(hashFiles: HashFiles, patterns: readonly string[]): Promise<Evaluated<string>> {
  try {
    return { ok: true, value: await hashFiles(patterns) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, message: error.message };
  }
}
