import { type Conclusion, isConclusion, type Job, type RunStatus } from "./run.ts";

/**
 * Status of a run, from its jobs. The first line that holds counts:
 *
 *     a job is not final, and one runs or has run ─► running
 *     a job is not final, and one waits ───────────► waiting
 *     a job is not final ──────────────────────────► blocked
 *     one failed without continue-on-error ────────► failure   (also when fail-fast cancelled others, as on GitHub)
 *     one was cancelled ───────────────────────────► cancelled
 *     one succeeded, or failed with it ────────────► success
 *     all were skipped, or there are none ─────────► skipped
 */
export function runStatus(jobs: readonly Pick<Job, "status" | "continueOnError">[]): RunStatus {
  if (jobs.some((job) => !isConclusion(job.status))) {
    if (jobs.some((job) => hasBegun(job.status))) return "running";
    return jobs.some((job) => job.status === "waiting") ? "waiting" : "blocked";
  }
  const ends = new Set<Conclusion>();
  for (const { status, continueOnError } of jobs) {
    if (isConclusion(status)) ends.add(status === "failure" && continueOnError ? "success" : status);
  }
  return (["failure", "cancelled", "success"] as const).find((status) => ends.has(status)) ?? "skipped";
}

function hasBegun(status: Job["status"]): boolean {
  return status === "running" || status === "cancelling" || status === "success" || status === "failure";
}
