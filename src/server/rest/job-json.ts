import { z } from "zod";
import type { Repository } from "../domain/account.ts";
import { jobHandle } from "../domain/job-handle.ts";
import type { TaskStep } from "../domain/task.ts";
import { shortRef } from "../services/github-context.ts";
import type { JobView } from "../services/jobs.ts";
import { runUrl } from "./run-json.ts";
import { statusWords } from "./status-words.ts";
import { timeText } from "./time-text.ts";

const stepShape = z.object({
  name: z.string(),
  /** From 1, as Gitea counts. */
  number: z.number(),
  status: z.string(),
  conclusion: z.string().nullable(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  /** Rows of the job's log. */
  log_index: z.number(),
  log_length: z.number(),
});

/** A job: Gitea's ActionWorkflowJob, and why it stands as it does. */
export const jobShape = z.object({
  id: z.number(),
  url: z.string(),
  html_url: z.string(),
  logs_url: z.string(),
  run_id: z.number(),
  run_url: z.string(),
  /** Key below `jobs` in the workflow. */
  key: z.string(),
  name: z.string(),
  needs: z.array(z.string()),
  labels: z.array(z.string()),
  /** Of the jobs that wait, those with the higher priority go first. */
  priority: z.number(),
  run_attempt: z.number(),
  head_sha: z.string(),
  head_branch: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  /** Why it ended so, for machines. */
  cause: z.string().nullable(),
  /** Why it ended so, for people. */
  message: z.string().nullable(),
  /** Name of this attempt, by which a runner can ask for it alone (Forgejo's). */
  handle: z.string(),
  task_id: z.number().nullable(),
  runner_id: z.number().nullable(),
  runner_name: z.string().nullable(),
  steps: z.array(stepShape),
  outputs: z.record(z.string(), z.string()),
  created_at: z.string(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
});

/** The shape of a job. */
export function jobJson(view: JobView, repository: Repository, publicUrl: string): z.infer<typeof jobShape> {
  const { job, run, task, runner } = view;
  const base = `${publicUrl}/api/v1/repos/${repository.ownerName}/${repository.name}/actions`;
  const home = `${publicUrl}/${repository.ownerName}/${repository.name}`;
  return {
    id: job.id,
    url: `${base}/jobs/${job.id}`,
    html_url: `${home}/actions/runs/${run.id}/jobs/${job.id}`,
    logs_url: `${base}/jobs/${job.id}/logs`,
    run_id: run.id,
    run_url: runUrl(publicUrl, repository, run.id),
    key: job.key,
    name: job.name,
    needs: [...job.needs],
    labels: [...job.runsOn],
    priority: job.priority,
    run_attempt: job.attempt,
    head_sha: run.sha,
    head_branch: shortRef(run.ref),
    ...statusWords(job.status),
    cause: job.cause,
    message: job.message,
    handle: jobHandle({ jobId: job.id, attempt: job.attempt }),
    task_id: job.taskId,
    runner_id: task?.runnerId ?? null,
    runner_name: runner?.name ?? null,
    steps: (task?.steps ?? []).map(stepJson),
    outputs: { ...job.outputs },
    created_at: timeText(job.createdAt),
    started_at: timeText(job.startedAt),
    completed_at: timeText(job.stoppedAt),
  };
}

/** The shape of a step. */
export function stepJson(step: TaskStep): z.infer<typeof stepShape> {
  return {
    name: step.name,
    number: step.index + 1,
    ...statusWords(step.status),
    started_at: timeText(step.startedAt),
    completed_at: timeText(step.stoppedAt),
    log_index: step.logIndex,
    log_length: step.logLength,
  };
}
