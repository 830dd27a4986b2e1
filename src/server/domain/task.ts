import type { Cause, Conclusion } from "./run.ts";

/** State of one step as the runner reported it. */
export interface TaskStep {
  /** Position in the payload, from 0. */
  readonly index: number;
  readonly name: string;
  readonly status: "waiting" | "running" | Conclusion;
  /** First log row. */
  readonly logIndex: number;
  /** Number of log rows. */
  readonly logLength: number;
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
  /** Its failure fails the job, since it has no `continue-on-error`. Absent: not known. */
  readonly decisive?: true;
}

/** One delivery of one attempt of a job to one runner. At most one task of an attempt can set its result. */
export interface Task {
  readonly id: number;
  readonly jobId: number;
  readonly runId: number;
  readonly repositoryId: number;
  readonly runnerId: number;
  readonly attempt: number;
  readonly delivery: number;
  /** `running` from the claim on; `cancelling` while a runner that can do so winds down. */
  readonly status: "running" | "cancelling" | Conclusion;
  readonly cause: Cause | null;
  /** When the runner first spoke of the task; null until then. */
  readonly acknowledgedAt: number | null;
  /** When the task was last handed to the runner. */
  readonly offeredAt: number;
  /** Last report on this task. */
  readonly heartbeatAt: number;
  /** When the runner was handed the cancel; null until then. */
  readonly cancelSentAt: number | null;
  /** How long the runner may wind down after it was handed the cancel; null: GitHub's default. */
  readonly cancelTimeoutMs: number | null;
  readonly startedAt: number;
  readonly stoppedAt: number | null;
  /** Idempotency key of the FetchTask call that made it, or null. */
  readonly requestKey: string | null;
  /** In the order of the payload. */
  readonly steps: readonly TaskStep[];
}
