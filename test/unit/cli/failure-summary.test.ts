import { expect, test } from "vitest";
import { failureSummary } from "../../../src/cli/failure-summary.ts";
import type { RestJob } from "../../../src/cli/rest-types.ts";

const job = (name: string, conclusion: string, more: Partial<RestJob> = {}): RestJob => ({
  ...{ id: 1, run_id: 1, labels: [], status: "completed" },
  ...{ name, conclusion, ...more },
});
const step = (name: string, conclusion: string) => ({ name, conclusion, number: 1, status: "completed" });

test("each failed job with its first failed step and why", () => {
  const jobs = [
    job("ok", "success"),
    job("broken", "failure", {
      steps: [step("Prepare", "success"), step("Test", "failure"), step("Clean", "failure")],
    }),
    job("lost", "failure", { message: "the runner was lost" }),
    job("quiet", "failure", { steps: [] }),
    job("not run", "skipped"),
  ];
  const lastError = ({ name }: RestJob) => (name === "broken" ? "Process completed with exit code 3." : undefined);
  expect(failureSummary(jobs, lastError)).toEqual([
    'job "broken" failed in step "Test": Process completed with exit code 3.',
    'job "lost" failed: the runner was lost',
    'job "quiet" failed',
  ]);
});
