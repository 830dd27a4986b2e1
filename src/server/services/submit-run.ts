import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Diagnostic } from "../../workflow/diagnostic.ts";
import type { WorkflowTree } from "../../workflow/link-calls.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { Repository } from "../domain/account.ts";
import { type CalledSource, isConclusion, type Job, type Run } from "../domain/run.ts";
import type { New, Store } from "../storage/store.ts";
import { checkDispatchInputs, type DispatchInputs } from "./dispatch-inputs.ts";
import { githubContext } from "./github-context.ts";
import { loadCalled } from "./load-called.ts";
import type { Mirrors } from "./mirrors.ts";
import type { PlannedRun } from "./plan-jobs.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import { chooseEvent, eventPayload } from "./run-event.ts";
import { deriveRunStatus } from "./run-status-update.ts";
import { truncated } from "./runner-fields.ts";
import { variablesFor } from "./variables-for.ts";
import { findWorkflow } from "./workflow-files.ts";
import type { WorkflowGraph } from "./workflow-graph.ts";
import { workflowMistakes } from "./workflow-mistakes.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** Longest title of a run that is kept, in characters. */
const LONGEST_TITLE = 255;

/** What a submission needs around it. */
export interface SubmitRunDeps {
  readonly store: Store;
  readonly mirrors: Mirrors;
  readonly clock: Clock;
  readonly threads: Pick<WorkflowThreads, "read" | "plan">;
  readonly definitions: RunDefinitions;
  readonly graph: Pick<WorkflowGraph, "settle">;
  readonly publicUrl: () => string;
  /** Told of the jobs that wait, once they are durable. */
  readonly jobsReady: (jobs: readonly Job[]) => void;
}

/** A request to run a workflow. */
export interface Submission {
  readonly repository: Repository;
  /** A file name in one of the workflow folders, such as `ci.yml`, or a path in the repository. */
  readonly workflow: string;
  /** Branch, tag or full ref. @default the repository's default branch */
  readonly ref?: string;
  /** A commit; it wins over what `ref` points at. */
  readonly sha?: string;
  /** @default `workflow_dispatch` where it is declared, else the first event of the workflow */
  readonly event?: string;
  readonly inputs?: { readonly [name: string]: JsonValue };
  /** Of all jobs of the run; of those that wait, the ones with the higher priority go first. @default 0 */
  readonly priority?: number;
  readonly actor: { readonly id: number; readonly name: string };
}

/** A run that was made, and what the workflow file should be told about. */
export interface SubmittedRun {
  readonly run: Run;
  readonly warnings: readonly Diagnostic[];
}

/**
 * Makes a run of a workflow at one commit: its jobs are stored in one transaction, those without needs wait for
 * runners when this returns.
 * @throws AppError not_found for a missing ref, commit or file; invalid for mistakes in the file (all of them in
 *   `details.diagnostics`) or in the inputs; unavailable when the repository cannot be fetched
 */
export async function submitRun(
  deps: SubmitRunDeps,
  submission: Submission,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SubmittedRun> {
  const { repository } = submission;
  const commit = await deps.mirrors.resolve(repository, submission, options);
  const file = await findWorkflow(deps.mirrors, repository, commit.sha, submission.workflow, options);
  const { workflow, diagnostics } = await deps.threads.read(file.source);
  if (workflow === undefined) throw workflowMistakes(file.path, diagnostics) ?? noWorkflow(file.path);
  const caller = { repository, sha: commit.sha, actorId: submission.actor.id };
  const { tree, called, diagnostics: inCalls } = await loadCalled(deps, caller, workflow, options);
  const inFiles = [...diagnostics, ...inCalls];
  if (tree === undefined) throw workflowMistakes(file.path, inFiles) ?? noWorkflow(file.path);
  const event = chooseEvent(workflow, file.path, submission.event);
  const inputs = inputsFor(workflow, event, file.path, submission.inputs ?? {});
  const run = await draftRun(deps, submission, { workflow, event, inputs, commit, path: file.path }, options);
  const planned = await plan(deps, { workflow, source: file.source, called }, run, inputs, repository);
  const found = [...inFiles, ...planned.diagnostics];
  const mistakes = workflowMistakes(file.path, found);
  if (mistakes !== undefined) throw mistakes;
  const jobs = withPriority(planned, submission.priority ?? 0);
  const stored = await store(deps, run, jobs, { source: file.source, called }, tree);
  deps.jobsReady(stored.jobs.filter((job) => job.status === "waiting"));
  return { run: stored.run, warnings: found };
}

function withPriority(planned: PlannedRun, priority: number): PlannedRun {
  return { ...planned, jobs: planned.jobs.map((job) => ({ ...job, priority })) };
}

function noWorkflow(path: string): AppError {
  return new AppError("invalid", `${path} is not a workflow`);
}

function inputsFor(
  workflow: Workflow,
  event: string,
  path: string,
  given: { readonly [name: string]: JsonValue },
): DispatchInputs {
  if (event === "workflow_dispatch") return checkDispatchInputs(workflow, given);
  if (Object.keys(given).length === 0) return { texts: {}, typed: {} };
  throw new AppError(
    "invalid",
    `${path} takes no inputs for the event ${event}; declare workflow_dispatch with inputs`,
  );
}

interface Chosen {
  readonly workflow: Workflow;
  readonly event: string;
  readonly inputs: DispatchInputs;
  readonly commit: { readonly sha: string; readonly ref: string };
  readonly path: string;
}

/** The files of a run. */
interface RunFiles {
  readonly source: string;
  readonly called: readonly CalledSource[];
}

/** The run as it is before its jobs are planned. */
async function draftRun(
  deps: SubmitRunDeps,
  { repository, actor }: Submission,
  { workflow, event, inputs, commit, path }: Chosen,
  options: { readonly signal?: AbortSignal },
): Promise<New<Omit<Run, "number">>> {
  const payload = eventPayload({
    ...{ event, repository, ref: commit.ref, sha: commit.sha, workflowPath: path },
    ...{ actorName: actor.name, inputs: inputs.texts, publicUrl: deps.publicUrl() },
  });
  return {
    repositoryId: repository.id,
    ownerId: repository.ownerId,
    attempt: 1,
    workflowPath: path,
    workflowName: workflow.name ?? path,
    title: await deps.mirrors.subject(repository, commit.sha, options),
    event,
    eventPayload: payload,
    ref: commit.ref,
    sha: commit.sha,
    actorId: actor.id,
    actorName: actor.name,
    status: "blocked",
    createdAt: deps.clock.now(),
    startedAt: null,
    stoppedAt: null,
  };
}

async function plan(
  deps: SubmitRunDeps,
  { workflow, source, called }: RunFiles & { readonly workflow: Workflow },
  run: New<Omit<Run, "number">>,
  inputs: DispatchInputs,
  repository: Repository,
): Promise<PlannedRun> {
  const github = { run, repository, publicUrl: deps.publicUrl() };
  const vars = await variablesFor(deps.store.read.settings, {
    ownerId: repository.ownerId,
    repositoryId: repository.id,
  });
  const number = await nextNumber(deps, workflow, repository.id);
  return await deps.threads.plan(source, called, {
    github: githubContext({ ...github, run: { ...run, number } }),
    inputs: { ...inputs.typed },
    vars,
    ...{ attempt: run.attempt, now: run.createdAt },
  });
}

/** The number the run will most likely get, for a `run-name`; the number itself is given when the run is stored. */
async function nextNumber(deps: SubmitRunDeps, workflow: Workflow, repositoryId: number): Promise<number> {
  if (workflow.runName === undefined) return 0;
  const { items } = await deps.store.read.runs.list({ repositoryId }, { page: 1, limit: 1 });
  return (items[0]?.number ?? 0) + 1;
}

function store(
  deps: SubmitRunDeps,
  draft: New<Omit<Run, "number">>,
  planned: PlannedRun,
  { source, called }: RunFiles,
  tree: WorkflowTree,
): Promise<{ run: Run; jobs: readonly Job[] }> {
  const status = deriveRunStatus(planned.jobs);
  const ended = isConclusion(status);
  const title = truncated(planned.runName === "" ? draft.title : planned.runName, LONGEST_TITLE);
  const startedAt = status === "running" || ended ? draft.createdAt : null;
  return deps.store.write(async (tx) => {
    const run = await tx.runs.insert(
      { ...draft, title, status, startedAt, stoppedAt: ended ? draft.createdAt : null },
      source,
      called,
    );
    const { repositoryId, ownerId } = run;
    const jobs = await tx.jobs.insertMany(
      planned.jobs.map((job) => ({ ...job, runId: run.id, repositoryId, ownerId })),
    );
    if (jobs.some((job) => job.status === "waiting")) await tx.tasksVersions.bump({ ownerId, repositoryId });
    deps.definitions.learn(run.id, tree);
    if (!planned.wantsGroups) return { run, jobs };
    await deps.graph.settle(tx, run.id, run.createdAt);
    return { run: (await tx.runs.get(run.id)) ?? run, jobs: await tx.jobs.listByRun(run.id) };
  });
}
