import type { Runner } from "./runner.ts";

/** What a runner is doing as far as the server can see. */
export type RunnerStatus = "offline" | "idle" | "active" | "error" | "deleted";

/** Gitea's RunnerOfflineTime: a runner that is silent for longer is offline. */
const OFFLINE_AFTER_MS = 60_000;

/** Gitea's RunnerIdleTime: a runner whose last report on a task is older is idle. */
const ACTIVE_FOR_MS = 10_000;

/**
 * Tells the status of a runner from its last calls; nothing of it is stored. The first line that holds counts:
 *
 *     deletedAt is set ───────────────────────────► deleted
 *     never called, or silent > offlineAfterMs ───► offline
 *     it says that it cannot work ────────────────► error
 *     last report on a task ≤ activeForMs ago ────► active
 *     otherwise ──────────────────────────────────► idle
 *
 * A time in the future (clocks differ) counts as now.
 * @param limits `offlineAfterMs` @default 60000, `activeForMs` @default 10000
 */
export function runnerStatus(
  {
    now,
    lastOnline,
    lastActive,
    health,
    deletedAt,
  }: { readonly now: number } & Pick<Runner, "lastOnline" | "lastActive" | "health" | "deletedAt">,
  { offlineAfterMs = OFFLINE_AFTER_MS, activeForMs = ACTIVE_FOR_MS } = {},
): RunnerStatus {
  if (deletedAt !== null) return "deleted";
  if (lastOnline === null || now - lastOnline > offlineAfterMs) return "offline";
  if (health !== null) return "error";
  return lastActive !== null && now - lastActive <= activeForMs ? "active" : "idle";
}
