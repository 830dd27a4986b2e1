import type { Job } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";

/**
 * What the runner side tells the run side about a job, inside the transaction that changed the job's row.
 * The job's own row (status, cause, outputs, times) is written by the caller before the call.
 */
export interface JobGraph {
  /** A runner was given the job: the run goes to `running` if it was not yet. */
  jobStarted(tx: WriteTables, job: Job, now: number): Promise<void>;
  /**
   * The job has a final status: decides the jobs that need it, fail-fast, and the run's status, and grows
   * tasks_version where a job became waiting.
   * @returns jobs that became `waiting`, and jobs whose running task has to be cancelled (fail-fast)
   */
  jobFinished(tx: WriteTables, jobId: number, now: number): Promise<JobGraphChange>;
}

/** What a finished job led to; acted upon after the transaction is durable. */
export interface JobGraphChange {
  readonly ready: readonly Job[];
  readonly toCancel: readonly Job[];
}
