import { isConclusion } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
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
/** The same while a cancel waits for the runner to fetch it; as Gitea since 1.27. */
const CANCEL_UNHEARD_MS = 60_000;
/** The same after the runner was told to cancel, unless the job says otherwise: stock runners send nothing while post steps run. */
const CANCEL_MS = 5 * 60_000;

type Held = Pick<OpenTask, "task" | "heartbeatAt" | "suspectSince">;

/** What becomes of an open task. */
export type LeaseVerdict = "keep" | "not-acknowledged" | "lost";

/**
 * Judges a task by its silence.
 * @param freshFrom silence before this moment does not count: the server was away
 */
export function leaseVerdict(open: Held, now: number, freshFrom: number): LeaseVerdict {
  const { task } = open;
  if (task.acknowledgedAt === null) {
    const waited = now - Math.max(task.startedAt, freshFrom);
    return waited >= UNACKNOWLEDGED_MS && now - task.offeredAt >= LAST_OFFER_MS ? "not-acknowledged" : "keep";
  }
  const silentFor = now - Math.max(open.heartbeatAt, freshFrom);
  return silentFor >= silenceLimit(open, now) ? "lost" : "keep";
}

function silenceLimit({ task, suspectSince }: Held, now: number): number {
  const limit =
    task.status === "cancelling" ? cancelLimit(task) : task.steps.length > 0 && allDone(task) ? WRAP_UP_MS : SILENT_MS;
  return suspectSince !== null && now - suspectSince >= SUSPECT_MS ? Math.min(limit, SUSPECT_MS) : limit;
}

/** Until the runner was handed the cancel it has to speak; from then on it winds down as long as the job allows it. */
function cancelLimit(task: Task): number {
  return task.cancelSentAt === null ? CANCEL_UNHEARD_MS : (task.cancelTimeoutMs ?? CANCEL_MS);
}

function allDone(task: Task): boolean {
  return task.steps.every((step) => isConclusion(step.status));
}
