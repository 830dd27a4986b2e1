import { type Cause, type Conclusion, isConclusion } from "../domain/run.ts";
import type { Task, TaskStep } from "../domain/task.ts";

/** What may happen to a task. */
export type TaskEvent =
  /** The runner reported; `result` ends the task. */
  | { readonly type: "report"; readonly result: Conclusion | null; readonly steps?: readonly TaskStep[] }
  /** The task was handed to its runner once more. */
  | { readonly type: "offered" }
  /** Somebody cancelled it; `graceful` where the runner winds down and reports the end itself. */
  | { readonly type: "cancel"; readonly graceful: boolean; readonly cause: Cause }
  /** The runner was told of the cancel. */
  | { readonly type: "cancel-sent" }
  /** The runner never spoke of it. */
  | { readonly type: "not-acknowledged" }
  /** The server ends it, because the runner is gone or the time is over. */
  | { readonly type: "given-up"; readonly cause: Cause };

/** The task after an event, or null when the event is ignored: it came late, or changes nothing. */
export function taskAfter(task: Task, event: TaskEvent, now: number): Task | null {
  if (isConclusion(task.status)) return null;
  switch (event.type) {
    case "report":
      return reported(task, event, now);
    case "offered":
      return task.acknowledgedAt === null ? { ...task, offeredAt: now } : null;
    case "cancel":
      if (!event.graceful || task.acknowledgedAt === null) return ended(task, "cancelled", event.cause, now);
      return task.status === "running" ? { ...task, status: "cancelling", cause: event.cause } : null;
    case "cancel-sent":
      return task.status === "cancelling" && task.cancelSentAt === null ? { ...task, cancelSentAt: now } : null;
    case "not-acknowledged":
      return task.acknowledgedAt === null ? ended(task, "cancelled", "not_acknowledged", now) : null;
    case "given-up":
      if (task.status === "cancelling") return ended(task, "cancelled", task.cause ?? "cancelled", now);
      return ended(task, "failure", event.cause, now);
  }
}

function reported(task: Task, event: Extract<TaskEvent, { type: "report" }>, now: number): Task {
  const alive: Task = {
    ...task,
    acknowledgedAt: task.acknowledgedAt ?? now,
    heartbeatAt: now,
    steps: event.steps ?? task.steps,
  };
  if (event.result === null) return alive;
  // After a cancel the result is "cancelled", whatever the steps made of it; so does Gitea.
  if (task.status === "cancelling")
    return { ...alive, status: "cancelled", cause: task.cause ?? "cancelled", stoppedAt: now };
  return { ...alive, status: event.result, cause: OWN_CAUSES[event.result], stoppedAt: now };
}

const OWN_CAUSES: Readonly<Record<Conclusion, Cause>> = {
  success: "done",
  failure: "failed",
  cancelled: "cancelled",
  skipped: "done",
};

function ended(task: Task, status: Conclusion, cause: Cause, now: number): Task {
  const steps = task.steps.map((step) =>
    isConclusion(step.status) ? step : { ...step, status: "cancelled" as const, stoppedAt: now },
  );
  return { ...task, status, cause, stoppedAt: now, steps };
}
