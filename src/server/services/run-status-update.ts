import { type Conclusion, isConclusion, type Job, type RunStatus } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";
import { prefixOf, startedCall } from "./job-scope.ts";

/**
 * Status of a run, from its jobs. While one is not final: `running` when something runs or has already ended,
 * `waiting` when a job waits for a runner, else `blocked`. In the end: `failure` when a job without continue-on-error
 * failed, else `cancelled` when one was cancelled, else `success`; `skipped` when all were skipped. Called jobs count
 * by the job that called them.
 */
export function deriveRunStatus(jobs: readonly Pick<Job, "key" | "leg" | "status" | "continueOnError">[]): RunStatus {
  const open = jobs.filter((job) => !isConclusion(job.status));
  if (open.length > 0) {
    // A job that calls a workflow does nothing itself.
    const begun = jobs.some((job) => isStarted(job.status) && startedCall(job) === undefined);
    if (begun) return "running";
    return open.some((job) => job.status === "waiting") ? "waiting" : "blocked";
  }
  return conclusionOf(jobs.filter((job) => prefixOf(job.key) === ""));
}

/** The combined result of jobs that have ended, as the picture above says. */
export function conclusionOf(jobs: readonly Pick<Job, "status" | "continueOnError">[]): Conclusion {
  const ended = new Set<Conclusion>();
  for (const { status, continueOnError } of jobs) {
    if (isConclusion(status)) ended.add(status === "failure" && continueOnError ? "success" : status);
  }
  return (["failure", "cancelled", "success"] as const).find((status) => ended.has(status)) ?? "skipped";
}

function isStarted(status: Job["status"]): boolean {
  return status === "running" || status === "cancelling" || status === "success" || status === "failure";
}

/**
 * Brings the row of a run in line with its jobs: status, start and end. To be called in the transaction that changed a
 * job (claim, requeue, end), after the run's lock was taken. Does nothing when the run is gone.
 */
export async function updateRunStatus(tx: WriteTables, runId: number, now: number): Promise<void> {
  const run = await tx.runs.get(runId);
  if (run === undefined) return;
  const status = deriveRunStatus(await tx.jobs.listByRun(runId));
  const ended = isConclusion(status);
  const startedAt = run.startedAt ?? (status === "running" || ended ? now : null);
  const stoppedAt = ended ? (run.stoppedAt ?? now) : null;
  if (status === run.status && startedAt === run.startedAt && stoppedAt === run.stoppedAt) return;
  await tx.runs.update(runId, { status, startedAt, stoppedAt });
}
