import type { JobOutcome } from "../../workflow/needs-context.ts";
import { isConclusion, type Job } from "../domain/run.ts";

/**
 * How a job counts for those that need it. A failure under `continue-on-error` counts as success, so that dependants
 * run, as they do on GitHub (Gitea 1.27 skips them). A job that is not final counts as skipped.
 */
export function jobOutcome(job: Pick<Job, "status" | "continueOnError" | "outputs">): JobOutcome {
  const { status, continueOnError, outputs } = job;
  if (!isConclusion(status)) return { result: "skipped", outputs: {} };
  return { result: status === "failure" && continueOnError ? "success" : status, outputs };
}
