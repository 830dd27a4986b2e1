import type { JsonValue } from "../../lib/json.ts";
import type { JobLeg } from "../../workflow/expand-job.ts";
import type { Job } from "../domain/run.ts";

/** The leg of the matrix that a job is, or undefined for a place holder whose matrix waits for its needs. */
export function jobLeg(job: Pick<Job, "leg"> | undefined): JobLeg | undefined {
  const stored: JsonValue | undefined = job?.leg;
  if (stored === null || typeof stored !== "object" || Array.isArray(stored)) return undefined;
  // Only `legFields` in settle-graph.ts writes the column, from a JobLeg.
  return stored as unknown as JobLeg;
}
