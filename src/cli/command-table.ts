import type { Command } from "commander";
import type { CliContext } from "./cli-context.ts";

/** Makes the command with its flags and its action. */
type DefineCommand = (context: CliContext) => Command;

/** One line of the table: what the help shows before the command's module is loaded. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: CommandGroup;
  /** Loads the command's module; only the one that is called is loaded, so that start-up stays short. */
  readonly load: () => Promise<DefineCommand>;
  /** Runs for long beside jobs and has little to remember: its heap is kept small from the start. @default false */
  readonly smallHeap?: true;
}

/** Headings of the help. */
type CommandGroup = "Start:" | "Runner:" | "Workflows:" | "Manage:";

/** Every command, in the order of the help. The name of the file under `commands` is the command's. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "start a server and one runner on this machine",
    group: "Start:",
    load: async () => (await import("./commands/up.ts")).defineUp,
  },
  {
    name: "server",
    summary: "start the server",
    group: "Start:",
    load: async () => (await import("./commands/server.ts")).defineServer,
  },
  {
    name: "register",
    summary: "register a runner with a server (this one, Gitea or Forgejo)",
    group: "Runner:",
    load: async () => (await import("./commands/register.ts")).defineRegister,
  },
  {
    name: "daemon",
    summary: "take jobs with a registered runner",
    group: "Runner:",
    load: async () => (await import("./commands/daemon.ts")).defineDaemon,
    smallHeap: true,
  },
  {
    name: "join",
    summary: "register if needed, then take jobs",
    group: "Runner:",
    load: async () => (await import("./commands/join.ts")).defineJoin,
    smallHeap: true,
  },
  {
    name: "one-job",
    summary: "take one job with a credential made for it, then end with its result",
    group: "Runner:",
    load: async () => (await import("./commands/one-job.ts")).defineOneJob,
    smallHeap: true,
  },
  {
    name: "exec",
    summary: "run workflows here, without a server",
    group: "Workflows:",
    load: async () => (await import("./commands/exec.ts")).defineExec,
  },
  {
    name: "run",
    summary: "run a workflow on the server",
    group: "Workflows:",
    load: async () => (await import("./commands/run.ts")).defineRun,
  },
  {
    name: "runs",
    summary: "list, show, cancel, rerun and delete runs",
    group: "Workflows:",
    load: async () => (await import("./commands/runs.ts")).defineRuns,
  },
  {
    name: "jobs",
    summary: "list jobs",
    group: "Workflows:",
    load: async () => (await import("./commands/jobs.ts")).defineJobs,
  },
  {
    name: "logs",
    summary: "print or follow the logs of a run",
    group: "Workflows:",
    load: async () => (await import("./commands/logs.ts")).defineLogs,
  },
  {
    name: "artifacts",
    summary: "list, download and delete what runs have made",
    group: "Workflows:",
    load: async () => (await import("./commands/artifacts.ts")).defineArtifacts,
  },
  {
    name: "login",
    summary: "remember a server and its API token",
    group: "Manage:",
    load: async () => (await import("./commands/login.ts")).defineLogin,
  },
  {
    name: "runners",
    summary: "list, show, edit and delete runners",
    group: "Manage:",
    load: async () => (await import("./commands/runners.ts")).defineRunners,
  },
  {
    name: "tokens",
    summary: "registration tokens and API tokens",
    group: "Manage:",
    load: async () => (await import("./commands/tokens.ts")).defineTokens,
  },
  {
    name: "repos",
    summary: "repositories of the server",
    group: "Manage:",
    load: async () => (await import("./commands/repos.ts")).defineRepos,
  },
  {
    name: "secrets",
    summary: "secrets of workflows",
    group: "Manage:",
    load: async () => (await import("./commands/secrets.ts")).defineSecrets,
  },
  {
    name: "variables",
    summary: "variables of workflows",
    group: "Manage:",
    load: async () => (await import("./commands/variables.ts")).defineVariables,
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    group: "Manage:",
    load: async () => (await import("./commands/completion.ts")).defineCompletion,
  },
];
