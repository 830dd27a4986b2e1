import { AppError } from "../../lib/errors.ts";
import { isReserved } from "../domain/is-reserved.ts";
import { matches } from "../domain/labels.ts";
import type { Job } from "../domain/run.ts";
import { scopeCovers } from "../domain/scope.ts";
import type { Task, TaskStep } from "../domain/task.ts";
import type { WriteTables } from "../storage/store.ts";
import { updateRunStatus } from "./run-status-update.ts";
import { writeJob } from "./write-job.ts";

/**
 * How an attempt to claim a job ended: the task was made; the job is not to be had any more (another runner has it,
 * it was cancelled); the runner may not take it now (deleted, disabled, other labels than thought, ephemeral with a task);
 * or its call is over.
 */
export type ClaimOutcome =
  | { readonly kind: "claimed"; readonly task: Task }
  | { readonly kind: "lost" }
  | { readonly kind: "late" }
  | {
      readonly kind: "refused";
      /** What the same call was given by another replica, and did not acknowledge. */
      readonly given?: Task;
    };

/** What a claim needs to know. */
export interface Claim {
  readonly jobId: number;
  readonly runId: number;
  readonly runnerId: number;
  /** Mac of the new task token. */
  readonly tokenMac: string;
  readonly steps: readonly TaskStep[];
  readonly requestKey: string | null;
  /** See `matches`. */
  readonly emptyRunsOnMatches: boolean;
  /** See `Task.cancelTimeoutMs`. */
  readonly cancelTimeoutMs: number | null;
  /**
   * Whether the runner still waits for the answer. Asked when the run's lock is there: under load the lock can come after
   * the call's deadline, and a task for nobody would only have to be taken back, which makes the load worse.
   */
  readonly isAwaited: () => boolean;
  readonly now: number;
}

/**
 * Gives a waiting job to a runner, in one transaction: the job goes from `waiting` to `running` if it still waits, the
 * runner must be there and free, and the task is unique by job, attempt and delivery.
 * @throws AppError conflict when another transaction was faster; the caller counts it as `lost`
 */
export async function claimJob(tx: WriteTables, claim: Claim): Promise<ClaimOutcome> {
  const { jobId, runnerId, now } = claim;
  const run = await tx.runs.lock(claim.runId);
  const job = run === undefined ? undefined : await tx.jobs.get(jobId);
  if (run === undefined || job?.status !== "waiting" || isKeptFromOthers(job, runnerId, now)) return { kind: "lost" };
  // Locked, so that a runner that asks two replicas at once, or is deleted meanwhile, gets what it may have.
  const runner = await tx.runners.lock(runnerId);
  if (!claim.isAwaited()) return { kind: "late" };
  if (runner === undefined || runner.disabled) return { kind: "refused" };
  if (runner.boundJobId !== null && runner.boundJobId !== jobId) return { kind: "refused" };
  if (!matches(job.runsOn, runner.labels, claim) || !scopeCovers(runner.scope, job)) return { kind: "refused" };
  const open = runner.ephemeral || claim.requestKey !== null ? await tx.tasks.openOfRunner(runnerId) : [];
  const given = open.find((task) => task.requestKey === claim.requestKey && task.acknowledgedAt === null);
  if (claim.requestKey !== null && given !== undefined) return { kind: "refused", given };
  if (runner.ephemeral && open.length > 0) return { kind: "refused" };
  const delivery = job.delivery + 1;
  const task = await tx.tasks.insert(
    {
      jobId,
      runId: job.runId,
      repositoryId: job.repositoryId,
      runnerId,
      attempt: job.attempt,
      delivery,
      status: "running",
      cause: null,
      acknowledgedAt: null,
      offeredAt: now,
      heartbeatAt: now,
      cancelSentAt: null,
      cancelTimeoutMs: claim.cancelTimeoutMs,
      startedAt: now,
      stoppedAt: null,
      requestKey: claim.requestKey,
      steps: claim.steps,
    },
    claim.tokenMac,
  );
  if ((await writeJob(tx, job, { type: "claimed", taskId: task.id, delivery }, now)) === undefined) {
    throw new AppError("conflict", `job ${jobId} was claimed by another runner`);
  }
  if (run.status !== "running") await updateRunStatus(tx, run.id, now);
  return { kind: "claimed", task };
}

function isKeptFromOthers(job: Job, runnerId: number, now: number): boolean {
  return isReserved(job, now) && job.reservation?.runnerId !== runnerId;
}
