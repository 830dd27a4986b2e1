import { isConclusion } from "../domain/run.ts";
import type { OpenTask } from "./open-tasks.ts";

/** A task that its runner has not spoken of for so long goes to another one. */
const UNACKNOWLEDGED_MS = 60_000;
/** The runner had at least so long since the task was last offered to it. */
const LAST_OFFER_MS = 10_000;
/** A runner that is silent for longer about a task is lost. */
const SILENT_MS = 120_000;
/** The same after the runner declared itself anew, which it does when it starts. */
const SUSPECT_MS = 30_000;
/** The same when all steps are done: stock runners may still run a script of up to 5 min. */
const WRAP_UP_MS = 6 * 60_000;
/** The same after the runner was told to cancel: stock runners send nothing while post steps run. */
const CANCEL_MS = 5 * 60_000;

/** What becomes of an open task. */
export type LeaseVerdict = "keep" | "not-acknowledged" | "lost";

/**
 * Judges a task by its silence.
 * @param freshFrom silence before this moment does not count: the server was away
 */
export function leaseVerdict(open: OpenTask, now: number, freshFrom: number): LeaseVerdict {
  const { task } = open;
  if (task.acknowledgedAt === null) {
    const waited = now - Math.max(task.startedAt, freshFrom);
    return waited >= UNACKNOWLEDGED_MS && now - task.offeredAt >= LAST_OFFER_MS ? "not-acknowledged" : "keep";
  }
  const silentFor = now - Math.max(open.heartbeatAt, freshFrom);
  return silentFor >= silenceLimit(open, now) ? "lost" : "keep";
}

function silenceLimit({ task, suspectSince }: OpenTask, now: number): number {
  if (task.cancelSentAt !== null) return CANCEL_MS;
  if (suspectSince !== null && now - suspectSince >= SUSPECT_MS) return SUSPECT_MS;
  const allDone = task.steps.length > 0 && task.steps.every((step) => isConclusion(step.status));
  return allDone ? WRAP_UP_MS : SILENT_MS;
}
