import { expect, test } from "vitest";
import type { JobStatus, RunStatus } from "../../../../src/server/domain/run.ts";
import { runStatus } from "../../../../src/server/domain/run-status.ts";

const TABLE: readonly (readonly [readonly (JobStatus | "tolerated")[], RunStatus])[] = [
  [[], "skipped"],
  [["skipped", "skipped"], "skipped"],
  [["success"], "success"],
  [["success", "skipped"], "success"],
  [["tolerated"], "success"],
  [["tolerated", "skipped"], "success"],
  [["tolerated", "failure"], "failure"],
  [["tolerated", "cancelled"], "cancelled"],
  [["failure", "success"], "failure"],
  [["failure", "cancelled"], "failure"],
  [["cancelled", "success"], "cancelled"],
  [["cancelled", "skipped"], "cancelled"],
  [["blocked"], "blocked"],
  [["blocked", "skipped"], "blocked"],
  [["blocked", "waiting"], "waiting"],
  [["waiting", "skipped"], "waiting"],
  [["waiting", "cancelled"], "waiting"],
  [["waiting", "success"], "running"],
  [["blocked", "failure"], "running"],
  [["blocked", "tolerated"], "running"],
  [["running", "failure"], "running"],
  [["cancelling"], "running"],
  [["cancelling", "cancelled"], "running"],
];

test.each(TABLE)("%j is %s", (statuses, expected) => {
  const jobs = statuses.map((status) =>
    status === "tolerated" ? { status: "failure" as const, continueOnError: true } : { status, continueOnError: false },
  );
  expect(runStatus(jobs)).toBe(expected);
  expect(runStatus(jobs.toReversed())).toBe(expected);
});
