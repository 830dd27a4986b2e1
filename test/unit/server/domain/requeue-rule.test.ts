import { describe, expect, it } from "vitest";
import { mayRequeue } from "../../../../src/server/domain/requeue-rule.ts";
import type { TaskStep } from "../../../../src/server/domain/task.ts";

const step = (startedAt: number | null): TaskStep => ({
  ...{ index: 0, name: "one", status: startedAt === null ? "waiting" : "running", logIndex: 0, logLength: 0 },
  ...{ startedAt, stoppedAt: null },
});

describe("mayRequeue", () => {
  it.each([
    ["runner_lost", null, 1, "unstarted", true],
    ["runner_lost", 5, 1, "unstarted", false],
    ["runner_lost", 5, 1, "always", true],
    ["runner_lost", 5, 4, "always", true],
    ["runner_lost", 5, 5, "always", false],
    ["runner_lost", null, 5, "unstarted", false],
    ["runner_lost", null, 1, "never", false],
    ["runner_deleted", null, 1, "unstarted", true],
    ["runner_deleted", 5, 1, "unstarted", false],
    ["runner_deleted", 5, 1, "always", true],
    ["not_acknowledged", null, 9, "never", true],
    ["cancelled", null, 1, "always", false],
    ["superseded", null, 1, "always", false],
    ["failed", null, 1, "always", false],
    ["timeout", null, 1, "always", false],
    ["done", null, 1, "always", false],
  ] as const)("%s, step started at %s, delivery %d, policy %s: %s", (cause, startedAt, delivery, policy, expected) => {
    expect(mayRequeue({ cause, delivery, steps: [step(null), step(startedAt)] }, policy)).toBe(expected);
  });
});
