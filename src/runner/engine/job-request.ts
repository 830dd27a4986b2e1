import type { Git } from "../../drivers/git/git.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { JobDefinition, Workflow } from "../../workflow/model.ts";
import type { JobOutcome } from "../../workflow/needs-context.ts";

/** A folder of this machine whose files a job's workspace begins with. */
export interface LocalSource {
  /** Absolute. */
  readonly directory: string;
  readonly git: Git;
}

/** Facts about this runner that a job may read. */
export interface RunnerFacts {
  readonly name: string;
  readonly version: string;
  /** Shows `::debug::` rows and sets RUNNER_DEBUG. */
  readonly debug: boolean;
  /** `X64`, `ARM64` and so on; as GitHub spells it. */
  readonly arch: string;
}

/** How a job's actions are had. */
export interface ActionSettings {
  /** Other addresses of the job's own server than `github.server_url`, without a slash at their end. @default none */
  readonly serverAliases?: readonly string[];
  /** GitHub's checkout, artifact and cache actions are the runner's own instead of those that are fetched. @default true */
  readonly builtin?: boolean;
  /** Git and the runner's own ones take any TLS certificate of the job's server. @default false */
  readonly insecure?: boolean;
  /** Let GitHub's artifact and cache clients accept this server. @default false */
  readonly patch?: boolean;
}

/** Scripts of this machine around the steps of a job. */
export interface JobHooks {
  /** Absolute path; runs before the first step, and fails the job when it fails. */
  readonly started?: string;
  /** Absolute path; runs after the last step, whatever became of it. */
  readonly completed?: string;
}

/** One job as the engine runs it; it knows nothing of where it came from. */
export interface JobRequest {
  /** Unique among the jobs of this process. */
  readonly id: string;
  readonly workflow: Workflow;
  readonly job: JobDefinition;
  /** The job's `if` has been decided by who knows all ancestors; else it is decided here, from the direct needs. */
  readonly conditionDecided: boolean;
  /** The `github` context but for what only the runner knows (workspace, paths, action). */
  readonly github: Readonly<Record<string, JsonValue>>;
  readonly inputs: Readonly<Record<string, JsonValue>>;
  readonly vars: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Outcomes of the needed jobs by id. */
  readonly needs: ReadonlyMap<string, JobOutcome>;
  readonly matrix: Readonly<Record<string, JsonValue>>;
  readonly strategy: Readonly<Record<string, JsonValue>>;
  /** Variables below the workflow's own `env` (the configuration's `runner.envs`). */
  readonly lowEnv: Readonly<Record<string, string>>;
  /** Variables that nothing in the workflow can override (`ACTIONS_…`, `GITEA_…`). */
  readonly fixedEnv: Readonly<Record<string, string>>;
  /** `run` steps run under a pseudo-terminal. @default false */
  readonly terminal?: boolean;
  readonly runner: RunnerFacts;
  /** More values to mask than the secrets. */
  readonly masks: readonly string[];
  /** Only when workflows run without a server. */
  readonly localSource?: LocalSource;
  /** @default the defaults */
  readonly actions?: ActionSettings;
  /** @default none */
  readonly hooks?: JobHooks;
  /** Longest time the job may take; a shorter `timeout-minutes` wins. */
  readonly timeoutMs: number;
}
