import { AppError } from "../lib/errors.ts";
import type { JobLeg } from "./expand-job.ts";

/**
 * The YAML of a workflow with one job and one matrix combination, as Gitea's server sends it to runners.
 * @throws AppError("not_found") when the source has no such job
 */
export function jobPayload(source: string, jobId: string, _leg: Pick<JobLeg, "name" | "runsOn" | "matrix">): string {
  throw new AppError("internal", `jobPayload is not written yet (${source.length}, ${jobId})`);
}
