import { describe, expect, test } from "vitest";
import type { Task } from "../../../../src/server/domain/task.ts";
import { type TaskEvent, transition } from "../../../../src/server/domain/task-transition.ts";

const NOW = 5_000;

const step = (status: Task["steps"][number]["status"]) => ({
  index: 0,
  name: "s",
  status,
  logIndex: 0,
  logLength: 1,
  startedAt: 1,
  stoppedAt: null,
});

const unacknowledged: Task = {
  id: 9,
  jobId: 1,
  runId: 1,
  repositoryId: 1,
  runnerId: 1,
  attempt: 1,
  delivery: 1,
  status: "running",
  cause: null,
  acknowledgedAt: null,
  offeredAt: 100,
  heartbeatAt: 100,
  cancelSentAt: null,
  cancelTimeoutMs: null,
  startedAt: 100,
  stoppedAt: null,
  requestKey: null,
  steps: [step("running")],
};
const running: Task = { ...unacknowledged, acknowledgedAt: 200, heartbeatAt: 300 };
const cancelling: Task = { ...running, status: "cancelling", cause: "superseded" };
const cancelSent: Task = { ...cancelling, cancelSentAt: 400 };
const STATES = { unacknowledged, running, cancelling, cancelSent };

const EVENTS = {
  offered: { type: "offered" },
  acknowledged: { type: "acknowledged" },
  reported: { type: "reported", steps: [step("success")] },
  success: { type: "finished", result: "success", steps: [step("success")] },
  failure: { type: "finished", result: "failure", steps: [step("failure")] },
  cancelled: { type: "finished", result: "cancelled", steps: [step("running")] },
  skipped: { type: "finished", result: "skipped", steps: [step("waiting")] },
  cancelGraceful: { type: "cancel-requested", graceful: true, cause: "superseded" },
  cancelAtOnce: { type: "cancel-requested", graceful: false, cause: "cancelled" },
  cancelSent: { type: "cancel-sent" },
  notAcknowledged: { type: "expired", cause: "not_acknowledged" },
  givenBack: { type: "given-back" },
  lost: { type: "expired", cause: "runner_lost" },
  timeout: { type: "expired", cause: "timeout" },
  runnerDeleted: { type: "runner-deleted" },
  forceCancel: { type: "force-cancel" },
} as const satisfies Record<string, TaskEvent>;

/** `status cause` of the task afterwards, or `-` where the event is ignored. */
const TABLE: Record<keyof typeof EVENTS, Record<keyof typeof STATES, string>> = {
  offered: { unacknowledged: "running null", running: "-", cancelling: "-", cancelSent: "-" },
  acknowledged: {
    unacknowledged: "running null",
    running: "running null",
    cancelling: "cancelling superseded",
    cancelSent: "cancelling superseded",
  },
  reported: {
    unacknowledged: "running null",
    running: "running null",
    cancelling: "cancelling superseded",
    cancelSent: "cancelling superseded",
  },
  success: {
    unacknowledged: "success done",
    running: "success done",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  failure: {
    unacknowledged: "failure failed",
    running: "failure failed",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  cancelled: {
    unacknowledged: "cancelled cancelled",
    running: "cancelled cancelled",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  skipped: {
    unacknowledged: "skipped done",
    running: "skipped done",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  cancelGraceful: {
    unacknowledged: "cancelled superseded",
    running: "cancelling superseded",
    cancelling: "-",
    cancelSent: "-",
  },
  cancelAtOnce: {
    unacknowledged: "cancelled cancelled",
    running: "cancelled cancelled",
    cancelling: "-",
    cancelSent: "-",
  },
  cancelSent: { unacknowledged: "-", running: "-", cancelling: "cancelling superseded", cancelSent: "-" },
  givenBack: { unacknowledged: "cancelled not_acknowledged", running: "-", cancelling: "-", cancelSent: "-" },
  notAcknowledged: { unacknowledged: "cancelled not_acknowledged", running: "-", cancelling: "-", cancelSent: "-" },
  lost: {
    unacknowledged: "failure runner_lost",
    running: "failure runner_lost",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  timeout: {
    unacknowledged: "failure timeout",
    running: "failure timeout",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  runnerDeleted: {
    unacknowledged: "failure runner_deleted",
    running: "failure runner_deleted",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
  forceCancel: {
    unacknowledged: "cancelled cancelled",
    running: "cancelled cancelled",
    cancelling: "cancelled superseded",
    cancelSent: "cancelled superseded",
  },
};

const names = Object.keys(EVENTS) as (keyof typeof EVENTS)[];
const states = Object.keys(STATES) as (keyof typeof STATES)[];

describe.each(names)("%s", (name) => {
  test.each(states)("on %s", (state) => {
    const result = transition(STATES[state], EVENTS[name], NOW);
    const text = result.kind === "ignored" ? "-" : `${result.task.status} ${result.task.cause}`;
    expect(text).toBe(TABLE[name][state]);
    if (result.kind === "ignored") {
      expect(result.why).toContain("task 9");
      return;
    }
    const ended = !["running", "cancelling"].includes(result.task.status);
    expect(result.task.stoppedAt).toBe(ended ? NOW : null);
    if (ended) expect(result.task.steps.some(({ status }) => status === "running" || status === "waiting")).toBe(false);
  });

  test.each(["success", "failure", "cancelled", "skipped"] as const)("is ignored after %s", (status) => {
    expect(transition({ ...running, status }, EVENTS[name], NOW)).toEqual({
      kind: "ignored",
      why: `task 9 has ended already: ${status}`,
    });
  });
});

const after = (task: Task, event: TaskEvent, now = NOW) => {
  const result = transition(task, event, now);
  if (result.kind === "ignored") throw new Error(result.why);
  return result.task;
};

test("the first word acknowledges, later ones move the heartbeat only forward", () => {
  expect(after(unacknowledged, EVENTS.acknowledged)).toMatchObject({ acknowledgedAt: NOW, heartbeatAt: NOW });
  expect(after(running, EVENTS.acknowledged)).toMatchObject({ acknowledgedAt: 200, heartbeatAt: NOW });
  expect(after(running, EVENTS.acknowledged, 250)).toMatchObject({ acknowledgedAt: 200, heartbeatAt: 300 });
});

test("an offer, a report and a sent cancel leave their marks", () => {
  expect(after(unacknowledged, EVENTS.offered).offeredAt).toBe(NOW);
  expect(after(running, EVENTS.reported).steps).toEqual(EVENTS.reported.steps);
  expect(after(cancelling, EVENTS.cancelSent).cancelSentAt).toBe(NOW);
});

test("a task goes back only where it was offered once; offers of one millisecond are told apart", () => {
  const again = after({ ...unacknowledged, offeredAt: NOW, startedAt: NOW }, EVENTS.offered);
  expect(again.offeredAt).toBe(NOW + 1);
  expect(transition(again, EVENTS.givenBack, NOW).kind).toBe("ignored");
});

test("open steps end with the task", () => {
  expect(after(running, EVENTS.lost).steps).toEqual([{ ...step("cancelled"), stoppedAt: NOW }]);
  expect(after(running, EVENTS.skipped).steps).toEqual([{ ...step("skipped"), stoppedAt: NOW }]);
  expect(after(running, EVENTS.success).steps).toEqual([step("success")]);
});

test("the given task is left as it was", () => {
  const before = structuredClone(running);
  for (const name of names) transition(running, EVENTS[name], NOW);
  expect(running).toEqual(before);
});

describe("a success that the steps contradict", () => {
  const end = (result: "success" | "cancelled", ...steps: Task["steps"]) => {
    const after = transition(running, { type: "finished", result, steps }, NOW);
    return after.kind === "changed" ? `${after.task.status} ${after.task.cause}` : "-";
  };
  const decisive = { ...step("failure"), decisive: true } as const;

  test("is a failure where the step that failed has no continue-on-error", () => {
    expect(end("success", step("success"), decisive)).toBe("failure failed");
  });

  test("stays where the job could go on, and where no step failed", () => {
    expect(end("success", step("failure"))).toBe("success done");
    expect(end("success", { ...decisive, status: "skipped" })).toBe("success done");
  });

  test("is the only result that is judged", () => {
    expect(end("cancelled", decisive)).toBe("cancelled cancelled");
  });
});
