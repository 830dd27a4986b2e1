import { AppError } from "../../src/lib/errors.ts";
import { planJobs } from "../../src/server/services/plan-jobs.ts";
import type { WorkflowThreads } from "../../src/server/services/workflow-threads.ts";
import { fromJson } from "../../src/workflow/expressions/value.ts";
import { openPayloads } from "../../src/workflow/job-payload.ts";
import { linkCalls } from "../../src/workflow/link-calls.ts";
import { parseWorkflow } from "../../src/workflow/parse-workflow.ts";

/** Reads the workflow files of a test without threads, so that a test with a clock of its own need not wait for them. */
export const sameThread: Pick<WorkflowThreads, "read" | "plan" | "payload" | "readStored"> = {
  read: async (source) => parseWorkflow(source),
  plan: async (source, called, { github, inputs, vars, attempt, now }) => {
    const { workflow } = parseWorkflow(source);
    const files = new Map(called.map((file) => [file.name, parseWorkflow(file.source)]));
    const tree = workflow && linkCalls(workflow, files).tree;
    if (tree === undefined) throw new AppError("internal", "a file with mistakes was to be planned");
    return planJobs(tree, { github: fromJson(github), inputs: fromJson(inputs), vars: fromJson(vars) }, attempt, now);
  },
  payload: async (source, jobId, leg, workflowName) => openPayloads(source).of(jobId, leg, workflowName),
  readStored: async (source) => parseWorkflow(source),
};
