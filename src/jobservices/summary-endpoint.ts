import { AppError } from "../lib/errors.ts";
import type { Endpoint } from "./services.ts";

/** GitHub's limit for the summary of a step. */
const MAX_SUMMARY_BYTES = 1024 * 1024;
const MAX_STEPS = 10_000;

/**
 * What a step wrote to GITHUB_STEP_SUMMARY: `PUT …_apis/pipelines/workflows/{run}/jobs/{job}/steps/{index}/summary`, as
 * Gitea's runner sends it where the server declares `job-summary`.
 */
export const summaryEndpoint: Endpoint = async ({ tokens, summaries }, exchange, match) => {
  if (summaries === undefined) throw new AppError("not_found", "summaries are not kept here");
  const identity = await tokens.identify(exchange.token());
  const [, run, job, step] = match;
  if (run !== String(identity.runId) || job !== String(identity.jobId)) {
    throw new AppError("forbidden", `the token does not belong to job ${job} of run ${run}`);
  }
  if (exchange.method !== "PUT") throw new AppError("not_found", "a summary is sent by PUT");
  if (Number(step) >= MAX_STEPS) throw new AppError("invalid", `a job has no step ${step}`);
  await summaries.put(identity.taskId, Number(step), await exchange.text(MAX_SUMMARY_BYTES));
  exchange.send(201);
};
