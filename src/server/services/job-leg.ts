import type { JsonValue } from "../../lib/json.ts";
import type { JobLeg } from "../../workflow/expand-job.ts";
import type { Job } from "../domain/run.ts";

/** A leg as it is stored. */
export interface StoredLeg extends JobLeg {
  /** Only of a job that calls a workflow and has begun. */
  readonly call?: { readonly inputs: { readonly [name: string]: JsonValue } };
}

/** The leg of the matrix that a job is, or undefined for a place holder whose matrix waits for its needs. */
export function jobLeg(job: Pick<Job, "leg"> | undefined): StoredLeg | undefined {
  const stored: JsonValue | undefined = job?.leg;
  if (stored === null || typeof stored !== "object" || Array.isArray(stored)) return undefined;
  // Only `legFields` in settle-graph.ts writes the column, from a JobLeg, and `beginCall` adds to it.
  return stored as unknown as StoredLeg;
}
