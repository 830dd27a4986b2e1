import { describe, expect, it } from "vitest";
import type { Task } from "../../../../src/server/domain/task.ts";
import { leaseVerdict } from "../../../../src/server/services/lease-verdict.ts";

const MINUTE = 60_000;
const started = { index: 0, name: "one", logIndex: 0, logLength: 0, startedAt: 1, stoppedAt: null };
const task: Task = {
  ...{ id: 1, jobId: 1, runId: 1, repositoryId: 1, runnerId: 1, attempt: 1, delivery: 1, status: "running" },
  ...{ cause: null, acknowledgedAt: 0, offeredAt: 0, heartbeatAt: 0, cancelSentAt: null, cancelTimeoutMs: null },
  ...{ startedAt: 0, stoppedAt: null, requestKey: null, steps: [{ ...started, status: "running" }] },
};
const finished: Partial<Task> = { steps: [{ ...started, status: "success" }] };
const cancelling: Partial<Task> = { status: "cancelling", cause: "cancelled" };
const told: Partial<Task> = { ...cancelling, cancelSentAt: 0 };

describe("how long a runner may be silent about a task", () => {
  it.each<[string, Partial<Task>, boolean, number]>([
    ["a step runs", {}, false, 2 * MINUTE],
    ["a step runs, and the runner declared itself anew", {}, true, MINUTE / 2],
    ["all steps are done", finished, false, 6 * MINUTE],
    ["all steps are done, and the runner declared itself anew", finished, true, MINUTE / 2],
    ["a cancel was not fetched", cancelling, false, MINUTE],
    ["it was handed the cancel", told, false, 5 * MINUTE],
    ["it was handed the cancel, with a time of its own", { ...told, cancelTimeoutMs: 20 * MINUTE }, false, 20 * MINUTE],
    ["it was handed the cancel, with a short time", { ...told, cancelTimeoutMs: MINUTE }, false, MINUTE],
    ["it was handed the cancel and declared itself anew", told, true, MINUTE / 2],
  ])("%s", (_, patch, suspected, limit) => {
    const suspectSince = suspected ? 0 : null;
    const open = { task: { ...task, ...patch }, heartbeatAt: 0, outputKeys: undefined, suspectSince };
    expect(leaseVerdict(open, limit - 1, 0)).toBe("keep");
    expect(leaseVerdict(open, limit, 0)).toBe("lost");
    // The server was away until a second ago.
    expect(leaseVerdict(open, limit, limit - 1_000)).toBe("keep");
  });
});
