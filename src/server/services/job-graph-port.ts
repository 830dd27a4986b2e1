import type { Job } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";

/**
 * What the runner side tells the run side about a job, inside the transaction that changed the job's row.
 * The job's own row (status, cause, outputs, times) is written by the caller, which also holds the run's lock.
 */
export interface JobGraph {
  /**
   * The job has a final status: decides the jobs that need it, fail-fast, and the run's status, and grows
   * tasks_version where a job became waiting.
   */
  jobFinished(tx: WriteTables, jobId: number, now: number): Promise<JobGraphChange>;
}

/** What a finished job led to; acted upon after the transaction is durable. */
export interface JobGraphChange {
  /** Became `waiting`. */
  readonly ready: readonly Job[];
  /** Still run or are cancelling, and have to be cancelled (fail-fast). Those that wait the graph ends itself. */
  readonly toCancel: readonly Job[];
}
