import type { KillReason } from "./executor.ts";

/** Whoever aborts should give a KillReason; anything else counts as a cancellation. */
export function killReason(reason: unknown): KillReason {
  return reason === "shutdown" || reason === "timeout" ? reason : "cancelled";
}
