import { ExprObject } from "./expressions/value.ts";

/** How a job ended. */
export type JobResult = "success" | "failure" | "cancelled" | "skipped";

/** How a job, or one leg of it, ended and what it put out. */
export interface JobOutcome {
  readonly result: JobResult;
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * Merges the legs of a job: failure if any failed, else cancelled if any was cancelled, else success; skipped when all
 * were. Outputs merge in leg order; a later value wins unless it is empty (go-gitea#32795).
 */
export function mergeLegs(legs: readonly JobOutcome[]): JobOutcome {
  const results = new Set(legs.map((leg) => leg.result));
  const outputs = new Map<string, string>();
  for (const leg of legs) {
    for (const [name, value] of Object.entries(leg.outputs)) {
      if (value !== "" || !outputs.has(name)) outputs.set(name, value);
    }
  }
  const result =
    (["failure", "cancelled", "success"] as const).find((candidate) => results.has(candidate)) ?? "skipped";
  return { result, outputs: Object.fromEntries(outputs) };
}

/** The `needs` context of a job: its direct needs with the outcomes of their legs. */
export function needsContext(needs: ReadonlyMap<string, readonly JobOutcome[]>): ExprObject {
  return new ExprObject(
    [...needs].map(([key, legs]) => {
      const { result, outputs } = mergeLegs(legs);
      return [
        key,
        new ExprObject([
          ["result", result],
          ["outputs", new ExprObject(Object.entries(outputs))],
        ]),
      ] as const;
    }),
  );
}
