import type { Runner } from "./runner.ts";

/** What is known of a runner when it is made. */
export type RunnerStart = Pick<Runner, "uuid" | "name" | "scope" | "labels" | "createdAt"> &
  Partial<Pick<Runner, "description" | "version" | "capabilities" | "ephemeral" | "labelOverlay" | "boundJobId">> &
  Partial<Pick<Runner, "unusedUntil">>;

/** The row of a runner that has not called yet. */
export function newRunner(start: RunnerStart): Omit<Runner, "id"> {
  return {
    ...{ description: "", version: "", capabilities: [], ephemeral: false, labelOverlay: null },
    ...{ boundJobId: null, unusedUntil: null },
    ...start,
    declaredLabels: start.labels,
    tokenMadeAt: start.createdAt,
    ...{ disabled: false, priority: 0, system: null, health: null, oldTokenUntil: null },
    ...{ lastOnline: null, lastActive: null, deletedAt: null, reportsUntil: null },
  };
}
