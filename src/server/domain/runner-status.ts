import type { Runner } from "./runner.ts";

/** What a runner is doing as far as the server can see; `error` when it says of itself that it cannot work. */
export type RunnerStatus = "offline" | "idle" | "active" | "error";

/** Gitea's RunnerIdleTime: a runner whose last report on a task is older is idle. */
const ACTIVE_FOR_MS = 10_000;

/**
 * Tells the status of a runner from its last calls; nothing of it is stored. The first line that holds counts:
 *
 *     never called, or silent > offlineAfterMs ───► offline
 *     it says that it cannot work ────────────────► error
 *     last report on a task ≤ 10 s ago ───────────► active
 *     otherwise ──────────────────────────────────► idle
 *
 * A time in the future (clocks differ) counts as now.
 */
export function runnerStatus(
  { lastOnline, lastActive, health }: Pick<Runner, "lastOnline" | "lastActive" | "health">,
  { now, offlineAfterMs }: { readonly now: number; readonly offlineAfterMs: number },
): RunnerStatus {
  if (lastOnline === null || now - lastOnline > offlineAfterMs) return "offline";
  if (health !== null) return "error";
  return lastActive !== null && now - lastActive <= ACTIVE_FOR_MS ? "active" : "idle";
}
