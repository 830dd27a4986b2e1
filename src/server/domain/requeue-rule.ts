import type { RequeuePolicy } from "./dispatch-rules.ts";
import type { Task } from "./task.ts";

/** A job that loses its runner so often is probably what kills them. */
const MOST_DELIVERIES = 5;

/**
 * Whether the job of a task that has ended waits for another runner instead of ending with it:
 *
 *     not acknowledged ──────────────────────► always: nobody began with it
 *     runner lost or deleted, policy always ─► yes, five times at most
 *     …, policy unstarted (the default) ─────► only when no step had started
 *     …, policy never ───────────────────────► no
 *     anything else, so also after a cancel ─► no
 */
export function mayRequeue(task: Pick<Task, "cause" | "steps" | "delivery">, policy: RequeuePolicy): boolean {
  if (task.cause === "not_acknowledged") return true;
  if (task.cause !== "runner_lost" && task.cause !== "runner_deleted") return false;
  if (task.delivery >= MOST_DELIVERIES || policy === "never") return false;
  return policy === "always" || task.steps.every(({ startedAt }) => startedAt === null);
}
