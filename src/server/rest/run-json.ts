import { z } from "zod";
import type { Repository } from "../domain/account.ts";
import type { Run } from "../domain/run.ts";
import { shortRef } from "../services/github-context.ts";
import { WORKFLOW_FOLDERS } from "../services/workflow-files.ts";
import { repositoryJson, repositoryShape } from "./repository-json.ts";
import { statusWords } from "./status-words.ts";
import { timeText } from "./time-text.ts";

const actorShape = z.object({ id: z.number(), login: z.string(), username: z.string() });

/** A run: Gitea's ActionWorkflowRun, and the workflow's name and path. */
export const runShape = z.object({
  id: z.number(),
  name: z.string(),
  url: z.string(),
  html_url: z.string(),
  display_title: z.string(),
  path: z.string(),
  workflow_path: z.string(),
  workflow_id: z.string(),
  event: z.string(),
  run_attempt: z.number(),
  run_number: z.number(),
  repository_id: z.number(),
  head_sha: z.string(),
  head_branch: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  actor: actorShape,
  trigger_actor: actorShape,
  repository: repositoryShape,
  head_repository: repositoryShape,
  pull_requests: z.array(z.never()),
  previous_attempt_url: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  jobs_url: z.string(),
  cancel_url: z.string(),
  rerun_url: z.string(),
});

/** The address of a run below `/api/v1`. */
export function runUrl(publicUrl: string, repository: Repository, runId: number): string {
  return `${publicUrl}/api/v1/repos/${repository.ownerName}/${repository.name}/actions/runs/${runId}`;
}

/** Gitea's name of a workflow: the file name where it lies in a workflow folder, else the path. */
export function workflowId(path: string): string {
  const folder = WORKFLOW_FOLDERS.find((candidate) => path.startsWith(`${candidate}/`));
  return folder === undefined ? path : path.slice(folder.length + 1);
}

/** The shape of a run. */
export function runJson(run: Run, repository: Repository, publicUrl: string): z.infer<typeof runShape> {
  const url = runUrl(publicUrl, repository, run.id);
  const actor = { id: run.actorId, login: run.actorName, username: run.actorName };
  const home = repositoryJson(repository, publicUrl);
  return {
    id: run.id,
    name: run.workflowName,
    url,
    html_url: `${home.html_url}/actions/runs/${run.id}`,
    display_title: run.title,
    path: `${workflowId(run.workflowPath)}@${run.ref}`,
    workflow_path: run.workflowPath,
    workflow_id: workflowId(run.workflowPath),
    event: run.event,
    run_attempt: run.attempt,
    run_number: run.number,
    repository_id: run.repositoryId,
    head_sha: run.sha,
    head_branch: shortRef(run.ref),
    ...statusWords(run.status),
    actor,
    trigger_actor: actor,
    repository: home,
    head_repository: home,
    pull_requests: [],
    previous_attempt_url: run.attempt > 1 ? `${url}/attempts/${run.attempt - 1}` : null,
    created_at: timeText(run.createdAt),
    updated_at: timeText(run.stoppedAt ?? run.startedAt ?? run.createdAt),
    started_at: timeText(run.startedAt),
    completed_at: timeText(run.stoppedAt),
    jobs_url: `${url}/jobs`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
  };
}
