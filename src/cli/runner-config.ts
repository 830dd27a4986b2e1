import { mkdir, readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AppError, errorText } from "../lib/errors.ts";
import { compileConfig, type RunnerConfig } from "../runner/config.ts";
import type { CliContext } from "./cli-context.ts";

/** What a runner's commands take from the command line. */
export interface RunnerConfigOptions {
  readonly config?: string | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly runnerFile?: string | undefined;
}

/** Compiles flags, variables and the file that `--config` names; warnings go to stderr, one line each. Paths become absolute. */
export async function loadRunnerConfig(options: RunnerConfigOptions, context: CliContext): Promise<RunnerConfig> {
  const path = options.config === undefined ? undefined : resolve(context.cwd, options.config);
  const flags: Record<string, string> = {};
  if (options.labels !== undefined) flags["runner.labels"] = options.labels.join(",");
  if (options.runnerFile !== undefined) flags["runner.file"] = options.runnerFile;
  const { config, warnings } = compileConfig({
    flags,
    env: context.env,
    ...(path === undefined ? {} : { file: { name: path, text: await readConfig(path) } }),
  });
  for (const warning of warnings) context.stderr.write(`act-runner-ts: warning: ${warning}\n`);
  return { ...config, runnerFile: resolve(context.cwd, config.runnerFile) };
}

/** Makes the folder of a runner file that is about to be written. */
export async function makeRunnerFolder(runnerFile: string): Promise<void> {
  await mkdir(dirname(runnerFile), { recursive: true, mode: 0o700 });
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError(
      "invalid",
      `the configuration ${path} cannot be read (${errorText(error)}): check the path`,
      error,
    );
  }
}
