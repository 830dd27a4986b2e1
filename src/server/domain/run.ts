import type { JsonValue } from "../../lib/json.ts";

/** How a run, job, task or step ended; the words of GitHub and of the runner protocol. */
export type Conclusion = "success" | "failure" | "cancelled" | "skipped";

/** Why something ended as it did, for machines. `done` means: by its own result. */
export type Cause =
  | "done"
  | "failed"
  | "cancelled"
  | "superseded"
  | "timeout"
  | "runner_lost"
  | "runner_deleted"
  | "not_acknowledged"
  | "infrastructure";

/**
 * Life of a job:
 *
 *     blocked ──needs done──► waiting ──claimed──► running ──cancel──► cancelling
 *        │                       │  ◄──requeued──────┤                    │
 *        └──────────┬────────────┴──────────┬────────┴──────────┬─────────┘
 *                   ▼                       ▼                   ▼
 *                skipped            success | failure       cancelled
 */
export type JobStatus = "blocked" | "waiting" | "running" | "cancelling" | Conclusion;

/** Life of a run; derived from its jobs. */
export type RunStatus = "blocked" | "waiting" | "running" | Conclusion;

/** One execution of a workflow file at one commit. */
export interface Run {
  readonly id: number;
  readonly repositoryId: number;
  readonly ownerId: number;
  /** Counts the runs of its repository from 1. */
  readonly number: number;
  readonly attempt: number;
  /** Path of the workflow file in the repository. */
  readonly workflowPath: string;
  /** `name` of the workflow, or its path. */
  readonly workflowName: string;
  /** Evaluated `run-name`, or the commit's subject. */
  readonly title: string;
  readonly event: string;
  /** The `github.event` object. */
  readonly eventPayload: { readonly [key: string]: JsonValue };
  /** Full ref, such as `refs/heads/main`. */
  readonly ref: string;
  readonly sha: string;
  /** The account that caused the run. */
  readonly actorId: number;
  readonly actorName: string;
  readonly status: RunStatus;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
}

/** A workflow file that a run calls. */
export interface CalledSource {
  /** `./path` in the run's own repository at the run's commit, else `owner/repo/path@ref`. */
  readonly name: string;
  /** The commit that the file was read at. */
  readonly sha: string;
  readonly source: string;
}

/** One job of a run: one leg of its matrix, or a place holder until a matrix over `needs` can be expanded. */
export interface Job {
  readonly id: number;
  readonly runId: number;
  readonly repositoryId: number;
  readonly ownerId: number;
  /**
   * Key below `jobs` in the workflow; legs of a matrix share it. Of a job of a called workflow the keys of its callers
   * stand before it: `deploy/test`, or `deploy.1/test` where the caller is the second of several legs.
   */
  readonly key: string;
  /** Display name. */
  readonly name: string;
  readonly needs: readonly string[];
  /** Evaluated `runs-on`. */
  readonly runsOn: readonly string[];
  /**
   * The leg, as `expandMatrix` gave it with its position; null where the matrix waits for `needs`. A job that calls a
   * workflow has the inputs of the call in it from its beginning on.
   */
  readonly leg: JsonValue;
  readonly attempt: number;
  /** Counts the tasks made for this attempt. */
  readonly delivery: number;
  readonly status: JobStatus;
  readonly cause: Cause | null;
  /** One sentence for people where the cause needs one. */
  readonly message: string | null;
  /** `continue-on-error`: a failure does not fail the run. */
  readonly continueOnError: boolean;
  /** The task that runs or ran it, or null. */
  readonly taskId: number | null;
  /** Higher goes first. */
  readonly priority: number;
  readonly outputs: Readonly<Record<string, string>>;
  /** The runner that alone may take it for a while, or null. */
  readonly reservation: Reservation | null;
  readonly createdAt: number;
  /** When it became `waiting`. */
  readonly readyAt: number | null;
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
}

/** A job is kept for one runner, such as one whose machine was started for it. */
export interface Reservation {
  readonly runnerId: number;
  /** Any runner may take the job from then on, epoch ms. */
  readonly until: number;
}

/** Whether a status is final. */
export function isConclusion(status: JobStatus | RunStatus | string): status is Conclusion {
  return status === "success" || status === "failure" || status === "cancelled" || status === "skipped";
}
