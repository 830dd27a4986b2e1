import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import { type JobOutcome, mergeLegs } from "../../workflow/needs-context.ts";
import type { Repository } from "../domain/account.ts";
import type { Job, Run } from "../domain/run.ts";
import type { Task, TaskStep } from "../domain/task.ts";
import type { SettingReads, Store } from "../storage/store.ts";
import { calledContext, calledSecrets } from "./called-payload.ts";
import { cancelTimeoutMs } from "./cancel-timeout.ts";
import { inputsOfEvent } from "./dispatch-inputs.ts";
import { githubContext } from "./github-context.ts";
import { jobLeg } from "./job-leg.ts";
import { ownKey, scopeOf } from "./job-scope.ts";
import { plannedSteps } from "./planned-steps.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import type { RuntimeTokens } from "./runtime-tokens.ts";
import type { SecretBox } from "./secret-box.ts";
import { secretContext } from "./secret-context.ts";
import { directNeeds } from "./settle-graph.ts";
import { variablesOf } from "./variables-for.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** Everything a runner gets to do a job. */
export interface TaskPayload {
  readonly id: number;
  /** YAML of a workflow with one job. */
  readonly workflow: string;
  /** The github context; all leaves but those of `event` are strings. */
  readonly context: { readonly [key: string]: JsonValue };
  /** Never empty. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly needs: Readonly<Record<string, JobOutcome>>;
}

/** A payload before it is known which task it belongs to. */
export interface PayloadDraft extends Omit<TaskPayload, "id" | "secrets"> {
  /** The secrets with those that hold the task's token. */
  readonly secretsWith: (token: string) => Readonly<Record<string, string>>;
  readonly run: Run;
  readonly job: Job;
  readonly steps: readonly TaskStep[];
  /** See `Task.cancelTimeoutMs`. */
  readonly cancelTimeoutMs: number | null;
}

/** What the payload tells of this server. */
export interface PayloadSettings {
  /** Outside address of the server, without a slash at its end. */
  readonly publicUrl: () => string;
  /** Where `uses: owner/repo@ref` is found; default `https://github.com`. */
  readonly defaultActionsUrl?: string;
  readonly serverVersion: string;
}

/** Builds what a runner is sent for a task (reference/protocol.md §2.5 and §3.7). */
export class TaskPayloads {
  readonly #store: Store;
  readonly #box: SecretBox;
  readonly #definitions: RunDefinitions;
  readonly #runtimeTokens: RuntimeTokens;
  readonly #threads: Pick<WorkflowThreads, "payload">;
  readonly #settings: PayloadSettings;

  constructor(deps: {
    readonly store: Store;
    readonly box: SecretBox;
    readonly definitions: RunDefinitions;
    readonly runtimeTokens: RuntimeTokens;
    readonly threads: Pick<WorkflowThreads, "payload">;
    readonly settings: PayloadSettings;
  }) {
    this.#store = deps.store;
    this.#box = deps.box;
    this.#definitions = deps.definitions;
    this.#runtimeTokens = deps.runtimeTokens;
    this.#threads = deps.threads;
    this.#settings = deps.settings;
  }

  /** Builds all that does not depend on the task. @throws AppError when the job cannot be built, or the database is away */
  async draft(job: Job): Promise<PayloadDraft> {
    const { read } = this.#store;
    const [run, repository] = await Promise.all([read.runs.get(job.runId), read.repositories.get(job.repositoryId)]);
    if (run === undefined || repository === undefined) {
      throw new AppError("not_found", `the run or the repository of job ${job.id} is gone`);
    }
    const tree = await this.#definitions.of(read.runs, run.id);
    const key = ownKey(job.key);
    const isCalled = key !== job.key;
    const needsJobs = isCalled || tree.workflow.jobs.get(key)?.needs.length !== 0;
    const jobs = needsJobs ? await read.jobs.listByRun(run.id) : [];
    const scope = scopeOf(job, tree, jobs);
    const definition = scope?.tree.workflow.jobs.get(key);
    const leg = jobLeg(job);
    if (scope === undefined || definition === undefined || leg === undefined) {
      throw new AppError("internal", `the workflow of run ${run.id} has no job "${job.key}" that can be run`);
    }
    const context = this.#context(run, job, repository);
    const settings = await read.settings.visibleTo({ ownerId: job.ownerId, repositoryId: job.repositoryId });
    const vars = variablesOf(settings);
    const matrix = { ...leg.matrix };
    const secrets = isForkPullRequest(run, repository) ? {} : this.#secrets(settings);
    const given = () => ({
      github: fromJson(context),
      inputs: fromJson(inputsOfEvent(tree.workflow, run.event, run.eventPayload)),
      vars: fromJson(vars),
    });
    const secretsWith = (token: string) =>
      isCalled ? calledSecrets(scope, jobs, given(), { ...secrets, ...tokenSecrets(token) }) : secrets;
    // A mistake in the expressions of `secrets` fails the job now.
    if (isCalled) secretsWith("");
    return {
      run,
      job,
      cancelTimeoutMs: cancelTimeoutMs(definition, { github: context, vars, matrix }),
      workflow: await this.#threads.payload(
        await this.#definitions.source(read.runs, run.id, scope.tree.name),
        key,
        leg,
        isCalled ? run.workflowName : undefined,
      ),
      steps: plannedSteps(definition.steps),
      context: calledContext(scope, context),
      secretsWith,
      vars,
      needs: Object.fromEntries([...directNeeds(definition, scope, jobs)].map(([key, legs]) => [key, mergeLegs(legs)])),
    };
  }

  /** Adds what belongs to the task: its id and its tokens. */
  complete(draft: PayloadDraft, task: Pick<Task, "id">, token: string): TaskPayload {
    const { run, job } = draft;
    const runtimeToken = this.#runtimeTokens.sign({ taskId: task.id, runId: run.id, jobId: job.id });
    return {
      id: task.id,
      workflow: draft.workflow,
      context: {
        ...draft.context,
        token,
        gitea_runtime_token: runtimeToken,
        forgejo_runtime_token: runtimeToken,
      },
      secrets: { ...draft.secretsWith(token), ...tokenSecrets(token) },
      vars: draft.vars,
      needs: draft.needs,
    };
  }

  #context(run: Run, job: Job, repository: Repository): { [key: string]: JsonValue } {
    const actionsUrl = this.#settings.defaultActionsUrl ?? "https://github.com";
    const version = this.#settings.serverVersion;
    return {
      ...EMPTY_KEYS,
      ...githubContext({ run, repository, publicUrl: this.#settings.publicUrl() }),
      job: ownKey(job.key),
      run_attempt: String(job.attempt),
      secret_source: "Actions",
      gitea_default_actions_url: actionsUrl,
      forgejo_default_actions_url: actionsUrl,
      gitea_server_version: version,
      forgejo_server_version: version,
    };
  }

  #secrets(settings: Awaited<ReturnType<SettingReads["visibleTo"]>>): Record<string, string> {
    const secrets: Record<string, string> = {};
    for (const { kind, scope, name, value } of settings) {
      if (kind !== "secret" || scope.kind === "global") continue;
      secrets[name.toUpperCase()] = this.#box.open(value, secretContext(scope, name));
    }
    return secrets;
  }
}

function tokenSecrets(token: string) {
  return { GITHUB_TOKEN: token, GITEA_TOKEN: token, FORGEJO_TOKEN: token };
}

/** Keys that Gitea sends empty; the runner fills them. */
const EMPTY_KEYS = {
  action: "",
  action_path: "",
  action_ref: "",
  action_repository: "",
  action_status: "",
  env: "",
  event_path: "",
  path: "",
  retention_days: "",
  workspace: "",
} as const;

/** Pull requests from forks get no secrets, except by `pull_request_target`, whose workflow is the base's. */
function isForkPullRequest(run: Run, repository: Repository): boolean {
  if (run.event === "pull_request_target") return false;
  const head = child(child(child(run.eventPayload, "pull_request"), "head"), "repo");
  const name = child(head, "full_name");
  if (typeof name !== "string") return child(head, "fork") === true;
  return name.toLowerCase() !== `${repository.ownerName}/${repository.name}`.toLowerCase();
}

function child(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
