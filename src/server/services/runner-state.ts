import type { Runner } from "../domain/runner.ts";

/** A runner is offline when it has been silent for longer; Gitea's RunnerOfflineTime. */
const OFFLINE_AFTER_MS = 60_000;
/** A runner is active when its last report on a task is younger; Gitea's RunnerIdleTime. */
const IDLE_AFTER_MS = 10_000;

/** What a runner is doing: `error` when it says of itself that it cannot work. */
export type RunnerState = "offline" | "idle" | "active" | "error";

/** Tells the state of a runner from its last calls; nothing of it is stored. */
export function runnerState(runner: Pick<Runner, "lastOnline" | "lastActive" | "health">, now: number): RunnerState {
  if (runner.lastOnline === null || now - runner.lastOnline > OFFLINE_AFTER_MS) return "offline";
  if (runner.health !== null) return "error";
  return runner.lastActive !== null && now - runner.lastActive <= IDLE_AFTER_MS ? "active" : "idle";
}
