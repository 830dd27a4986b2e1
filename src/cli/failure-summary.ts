import type { RestJob } from "./rest-types.ts";

/** One sentence for each failed job: which step of it failed, and with what message. `lastError` gives a job's last error row. */
export function failureSummary(
  jobs: readonly RestJob[],
  lastError: (job: RestJob) => string | undefined,
): readonly string[] {
  return jobs
    .filter((job) => job.conclusion === "failure" || job.conclusion === "timed_out")
    .map((job) => {
      const step = job.steps?.find(({ conclusion }) => conclusion === "failure" || conclusion === "timed_out");
      const where = step === undefined ? `job "${job.name}" failed` : `job "${job.name}" failed in step "${step.name}"`;
      const why = job.message || lastError(job);
      return why === undefined || why === "" ? where : `${where}: ${why}`;
    });
}
