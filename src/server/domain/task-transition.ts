import { type Cause, type Conclusion, isConclusion } from "./run.ts";
import type { Task, TaskStep } from "./task.ts";

/** What may happen to a task. */
export type TaskEvent =
  /** It was handed to its runner once more. */
  | { readonly type: "offered" }
  /** The runner spoke of it: UpdateLog, or its id in Report or StreamTasks. */
  | { readonly type: "acknowledged" }
  /** UpdateTask without a result. */
  | { readonly type: "reported"; readonly steps: readonly TaskStep[] }
  /** UpdateTask with a result. */
  | { readonly type: "finished"; readonly result: Conclusion; readonly steps: readonly TaskStep[] }
  /** Somebody or something cancelled it; `graceful` when the runner declares `cancelling`. */
  | {
      readonly type: "cancel-requested";
      readonly graceful: boolean;
      readonly cause: Extract<Cause, "cancelled" | "superseded" | "failed">;
    }
  /** The runner was handed the cancel. */
  | { readonly type: "cancel-sent" }
  /** A limit passed. */
  | { readonly type: "expired"; readonly cause: Extract<Cause, "not_acknowledged" | "runner_lost" | "timeout"> }
  /** The answer with the task never left the server. */
  | { readonly type: "given-back" }
  /** Its runner was deleted. */
  | { readonly type: "runner-deleted" }
  /** An operator ended it without waiting for the runner. */
  | { readonly type: "force-cancel" };

/** What becomes of a task. Late and repeated events are ignored, not errors. */
export type Transition =
  | { readonly kind: "changed"; readonly task: Task }
  | { readonly kind: "ignored"; readonly why: string };

const OWN_CAUSES: Readonly<Record<Conclusion, Cause>> = {
  success: "done",
  failure: "failed",
  cancelled: "cancelled",
  skipped: "done",
};

/**
 * The life of a task. The first final status wins; nothing leaves it.
 *
 *     offered ┐  ┌ acknowledged, reported: heartbeat, steps
 *             ▼  ▼
 *           running ──cancel-requested, graceful and acknowledged──► cancelling ◄─┐ acknowledged, reported,
 *             │ │                                                        │        ┘ cancel-sent
 *             │ └─ finished ────────► success | failure | skipped | cancelled
 *             │                                                          │
 *             ├─ expired: not_acknowledged (only before the first word) ─┼─► cancelled (the job goes to another runner)
 *             ├─ given-back (only after one offer, before the first word)┼─► cancelled (the same)
 *             ├─ cancel-requested otherwise · force-cancel ──────────────┼─► cancelled
 *             └─ expired: runner_lost, timeout · runner-deleted ► failure│
 *                                                                        └─ finished with anything · expired ·
 *                                                                           runner-deleted · force-cancel ► cancelled
 *
 * @param now epoch ms
 */
export function transition(task: Task, event: TaskEvent, now: number): Transition {
  if (isConclusion(task.status)) return ignored(`task ${task.id} has ended already: ${task.status}`);
  switch (event.type) {
    case "offered":
      return task.acknowledgedAt === null
        ? // later than the offer before, also within one millisecond: `given-back` tells by it whether there was one
          changed({ ...task, offeredAt: Math.max(now, task.offeredAt + 1) })
        : ignored(`task ${task.id} is in the hands of its runner already`);
    case "acknowledged":
      return changed(heard(task, now));
    case "reported":
      return changed({ ...heard(task, now), steps: event.steps });
    case "finished":
      return changed(finished({ ...heard(task, now), steps: event.steps }, event.result, now));
    case "cancel-requested":
      return cancelRequested(task, event, now);
    case "cancel-sent":
      return task.status === "cancelling" && task.cancelSentAt === null
        ? changed({ ...task, cancelSentAt: now })
        : ignored(`task ${task.id} has no cancel that its runner does not know of`);
    case "expired":
      if (event.cause === "not_acknowledged") return notAcknowledged(task, now);
      return changed(givenUp(task, event.cause, now));
    case "given-back":
      // What was offered before may be in the hands of the runner.
      if (task.offeredAt > task.startedAt) return ignored(`task ${task.id} was offered more than once`);
      return notAcknowledged(task, now);
    case "runner-deleted":
      return changed(givenUp(task, "runner_deleted", now));
    case "force-cancel":
      return changed(ended(task, "cancelled", task.cause ?? "cancelled", now));
  }
}

/** The runner spoke of the task. */
function heard(task: Task, now: number): Task {
  return { ...task, acknowledgedAt: task.acknowledgedAt ?? now, heartbeatAt: Math.max(task.heartbeatAt, now) };
}

/**
 * After a cancel the result is `cancelled`, whatever the runner made of it; so does Gitea. A success that the runner's
 * own report of the steps contradicts is a failure: gitea-runner (2.0.0, 3.1.0), stopped in the middle of a job, kills the
 * step, reports it as failed and the job as successful, and whatever needs the job would run.
 */
function finished(task: Task, result: Conclusion, now: number): Task {
  if (task.status === "cancelling") return ended(task, "cancelled", task.cause ?? "cancelled", now);
  const contradicted = result === "success" && task.steps.some((step) => step.decisive && step.status === "failure");
  const status = contradicted ? "failure" : result;
  return ended(task, status, OWN_CAUSES[status], now);
}

/** A runner that never spoke of the task, or cannot wind down, is not waited for. */
function cancelRequested(task: Task, event: Extract<TaskEvent, { type: "cancel-requested" }>, now: number): Transition {
  if (task.status === "cancelling") return ignored(`task ${task.id} is being cancelled already`);
  if (!event.graceful || task.acknowledgedAt === null) return changed(ended(task, "cancelled", event.cause, now));
  return changed({ ...task, status: "cancelling", cause: event.cause });
}

function notAcknowledged(task: Task, now: number): Transition {
  if (task.acknowledgedAt !== null) return ignored(`task ${task.id} was acknowledged by its runner`);
  return changed(ended(task, "cancelled", "not_acknowledged", now));
}

function givenUp(task: Task, cause: Cause, now: number): Task {
  if (task.status === "cancelling") return ended(task, "cancelled", task.cause ?? "cancelled", now);
  return ended(task, "failure", cause, now);
}

/** Steps that were not done end with the task: skipped where it was skipped, else cancelled (as act's reporter does). */
function ended(task: Task, status: Conclusion, cause: Cause, now: number): Task {
  const open = status === "skipped" ? "skipped" : "cancelled";
  const steps = task.steps.map((step) =>
    isConclusion(step.status) ? step : ({ ...step, status: open, stoppedAt: step.stoppedAt ?? now } as const),
  );
  return { ...task, status, cause, stoppedAt: now, steps };
}

function changed(task: Task): Transition {
  return { kind: "changed", task };
}

function ignored(why: string): Transition {
  return { kind: "ignored", why };
}
