import type { WorkflowThreads } from "../../src/server/services/workflow-threads.ts";
import { openPayloads } from "../../src/workflow/job-payload.ts";
import { parseWorkflow } from "../../src/workflow/parse-workflow.ts";

/** Reads the workflow files of a test without threads, so that a test with a clock of its own need not wait for them. */
export const sameThread: Pick<WorkflowThreads, "payload" | "readStored"> = {
  payload: async (source, jobId, leg) => openPayloads(source).of(jobId, leg),
  readStored: async (source) => parseWorkflow(source),
};
