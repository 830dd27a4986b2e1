import { type JobEvent, jobTransition } from "../domain/job-transition.ts";
import type { Job } from "../domain/run.ts";
import type { WriteTables } from "../storage/store.ts";

/**
 * Writes what an event makes of a job, if the row still has the status that the job was read with.
 * @param patch fields that go with it
 * @returns the job as it is now; undefined when the event is ignored or another transaction was faster
 */
export async function writeJob(
  tx: WriteTables,
  before: Job,
  event: JobEvent,
  now: number,
  patch: Partial<Pick<Job, "outputs">> = {},
): Promise<Job | undefined> {
  const transition = jobTransition(before, event, now);
  if (transition.kind === "ignored") return undefined;
  const { status, cause, message, taskId, delivery, reservation, readyAt, startedAt, stoppedAt } = transition.job;
  const fields = { status, cause, message, taskId, delivery, reservation, readyAt, startedAt, stoppedAt, ...patch };
  return (await tx.jobs.update(before.id, [before.status], fields)) ? { ...transition.job, ...patch } : undefined;
}
