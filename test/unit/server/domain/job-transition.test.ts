import { describe, expect, test } from "vitest";
import { type JobEvent, jobTransition } from "../../../../src/server/domain/job-transition.ts";
import type { Job, JobStatus } from "../../../../src/server/domain/run.ts";

const NOW = 5_000;
const job: Job = {
  id: 3,
  runId: 1,
  repositoryId: 1,
  ownerId: 1,
  key: "build",
  name: "build",
  needs: [],
  runsOn: [],
  leg: null,
  attempt: 1,
  delivery: 0,
  status: "blocked",
  cause: null,
  message: null,
  continueOnError: false,
  taskId: null,
  priority: 0,
  outputs: {},
  reservation: null,
  createdAt: 1,
  readyAt: 2,
  startedAt: 3,
  stoppedAt: null,
};

const EVENTS = {
  ready: { type: "ready" },
  claimed: { type: "claimed", taskId: 8, delivery: 2 },
  requeued: { type: "requeued" },
  cancelling: { type: "cancelling", cause: "superseded" },
  ended: { type: "ended", conclusion: "failure", cause: "runner_lost", message: "gone" },
} as const satisfies Record<string, JobEvent>;

type Open = Exclude<JobStatus, "success" | "failure" | "cancelled" | "skipped">;
const TABLE: Record<keyof typeof EVENTS, Record<Open, string>> = {
  ready: { blocked: "waiting", waiting: "-", running: "-", cancelling: "-" },
  claimed: { blocked: "-", waiting: "running", running: "-", cancelling: "-" },
  requeued: { blocked: "-", waiting: "-", running: "waiting", cancelling: "cancelled" },
  cancelling: { blocked: "-", waiting: "-", running: "cancelling", cancelling: "-" },
  ended: { blocked: "failure", waiting: "failure", running: "failure", cancelling: "failure" },
};

describe.each(Object.keys(EVENTS) as (keyof typeof EVENTS)[])("%s", (name) => {
  test.each(Object.entries(TABLE[name]))("on %s: %s", (status, expected) => {
    const result = jobTransition({ ...job, status: status as Open }, EVENTS[name], NOW);
    expect(result.kind === "ignored" ? "-" : result.job.status).toBe(expected);
  });
  test.each(["success", "failure", "cancelled", "skipped"] as const)("is ignored after %s", (status) => {
    expect(jobTransition({ ...job, status }, EVENTS[name], NOW).kind).toBe("ignored");
  });
});

test("times, task and cause follow", () => {
  const after = (status: JobStatus, event: JobEvent) => {
    const result = jobTransition({ ...job, status }, event, NOW);
    return result.kind === "changed" ? result.job : undefined;
  };
  expect(after("blocked", EVENTS.ready)?.readyAt).toBe(NOW);
  expect(after("waiting", EVENTS.claimed)).toMatchObject({ taskId: 8, delivery: 2, startedAt: NOW });
  expect(after("running", EVENTS.requeued)).toMatchObject({ taskId: null, startedAt: null, readyAt: 2 });
  expect(after("running", EVENTS.ended)).toMatchObject({ cause: "runner_lost", message: "gone", stoppedAt: NOW });
});
