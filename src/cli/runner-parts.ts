import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Machine } from "../drivers/machine/machine.ts";
import type { Logger } from "../lib/logger.ts";
import { parseEnvText, type RunnerConfig } from "../runner/config.ts";
import { defaultSpoolFolder, type RunnerParts } from "../runner/daemon.ts";
import { machineActions } from "../runner/machine-actions.ts";
import { machineExecutors } from "../runner/machine-executors.ts";
import { workFolder } from "../runner/work-folder.ts";
import type { CliContext } from "./cli-context.ts";
import { packageVersion } from "./package-version.ts";
import type { StopSignals } from "./stop-signals.ts";

/** Puts together what a runner on this machine needs. */
export async function makeRunnerParts(
  config: RunnerConfig,
  logger: Logger,
  signals: Pick<StopSignals, "stop" | "kill">,
  context: CliContext,
): Promise<RunnerParts> {
  return {
    config,
    version: await packageVersion(),
    envFile: await readEnvFile(resolve(context.cwd, config.envFile)),
    executors: machineExecutors({ config, environment: context.env, clock: context.clock, logger }),
    actions: machineActions({
      cacheDir: workFolder(config),
      environment: context.env,
      ids: context.ids,
      githubMirror: config.githubMirror,
      offline: config.offlineActions,
    }),
    spoolFolder: defaultSpoolFolder(config.runnerFile),
    proxyEnv: context.env,
    machine: new Machine({ env: context.env, folder: context.cwd, clock: context.clock }),
    clock: context.clock,
    ids: context.ids,
    logger,
    stop: signals.stop,
    kill: signals.kill,
  };
}

async function readEnvFile(path: string): Promise<Record<string, string>> {
  try {
    return parseEnvText(await readFile(path, "utf8"));
  } catch {
    return {}; // the default .env need not be there
  }
}
