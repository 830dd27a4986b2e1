import type { JobPaths } from "../../executors/executor.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { RunnerFacts } from "./job-request.ts";

/** Keys of the `github` context that become `GITHUB_…`; neither `token` nor `event` (actions/runner, GitHubContext.cs). */
const GITHUB_KEYS = [
  "action",
  "action_path",
  "action_ref",
  "action_repository",
  "actor",
  "actor_id",
  "api_url",
  "base_ref",
  "event_name",
  "event_path",
  "graphql_url",
  "head_ref",
  "job",
  "ref",
  "ref_name",
  "ref_protected",
  "ref_type",
  "repository",
  "repository_id",
  "repository_owner",
  "repository_owner_id",
  "retention_days",
  "run_attempt",
  "run_id",
  "run_number",
  "server_url",
  "sha",
  "triggering_actor",
  "workflow",
  "workflow_ref",
  "workflow_sha",
  "workspace",
] as const;

/** Variables every step gets and no workflow can override; `GITHUB_…` come from the `github` context. */
export function defaultVariables(
  github: Readonly<Record<string, JsonValue>>,
  runner: Readonly<Record<string, JsonValue>>,
): Record<string, string> {
  const variables: Record<string, string> = { GITHUB_ACTIONS: "true" };
  for (const key of GITHUB_KEYS) {
    const value = github[key];
    if (value === undefined || (typeof value === "object" && value !== null)) continue;
    variables[`GITHUB_${key.toUpperCase()}`] = value === null ? "" : String(value);
  }
  for (const [key, value] of Object.entries(runner)) variables[`RUNNER_${key.toUpperCase()}`] = String(value);
  return variables;
}

const OS_NAMES: Readonly<Partial<Record<NodeJS.Platform, string>>> = { win32: "Windows", darwin: "macOS" };

/** The `runner` context. */
export function runnerContext(
  facts: RunnerFacts,
  paths: JobPaths,
  platform: NodeJS.Platform,
): Readonly<Record<string, JsonValue>> {
  const parent = paths.workspace.replace(/[/\\][^/\\]*[/\\]*$/, "");
  return {
    os: OS_NAMES[platform] ?? "Linux",
    arch: facts.arch,
    name: facts.name,
    environment: "self-hosted",
    temp: paths.temp,
    tool_cache: paths.toolCache,
    workspace: parent === "" ? paths.workspace : parent,
    ...(facts.debug ? { debug: "1" } : {}),
  };
}

const ARCH_NAMES: Readonly<Record<string, string>> = { x64: "X64", ia32: "X86", arm: "ARM", arm64: "ARM64" };

/** Node's name of a processor as `runner.arch` spells it. */
export function runnerArch(arch: string): string {
  return ARCH_NAMES[arch] ?? arch.toUpperCase();
}
