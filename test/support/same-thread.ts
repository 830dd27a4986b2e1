import { AppError } from "../../src/lib/errors.ts";
import { planJobs } from "../../src/server/services/plan-jobs.ts";
import type { WorkflowThreads } from "../../src/server/services/workflow-threads.ts";
import { fromJson } from "../../src/workflow/expressions/value.ts";
import { openPayloads } from "../../src/workflow/job-payload.ts";
import { parseWorkflow } from "../../src/workflow/parse-workflow.ts";

/** Reads the workflow files of a test without threads, so that a test with a clock of its own need not wait for them. */
export const sameThread: Pick<WorkflowThreads, "read" | "plan" | "payload" | "readStored"> = {
  read: async (source) => parseWorkflow(source),
  plan: async (source, { github, inputs, vars, attempt, now }) => {
    const { workflow } = parseWorkflow(source);
    if (workflow === undefined) throw new AppError("internal", "a file with mistakes was to be planned");
    return planJobs(
      workflow,
      { github: fromJson(github), inputs: fromJson(inputs), vars: fromJson(vars) },
      attempt,
      now,
    );
  },
  payload: async (source, jobId, leg) => openPayloads(source).of(jobId, leg),
  readStored: async (source) => parseWorkflow(source),
};
