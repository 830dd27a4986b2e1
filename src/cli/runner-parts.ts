import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { HostExecutor } from "../executors/host/host-executor.ts";
import type { Logger } from "../lib/logger.ts";
import { parseEnvText, type RunnerConfig } from "../runner/config.ts";
import { defaultSpoolFolder, type RunnerParts } from "../runner/daemon.ts";
import type { ExecutorSet } from "../runner/executor-set.ts";
import type { RunnerFile } from "../runner/runner-file.ts";
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
    executors: (identity) => openExecutors(config, identity, logger, context),
    spoolFolder: defaultSpoolFolder(config.runnerFile),
    proxyEnv: context.env,
    clock: context.clock,
    ids: context.ids,
    logger,
    stop: signals.stop,
    kill: signals.kill,
  };
}

/** The executors of this machine: the host. Work lies in `host.workdir_parent`, by default beside the registration. */
async function openExecutors(
  config: RunnerConfig,
  identity: RunnerFile,
  logger: Logger,
  context: CliContext,
): Promise<ExecutorSet> {
  const beside = join(dirname(config.runnerFile), ".runner-work");
  const root = config.hostWorkdirParent === "" ? beside : resolve(context.cwd, config.hostWorkdirParent);
  const host = await HostExecutor.open({
    workRoot: join(root, "jobs"),
    toolCache: join(root, "tool-cache"),
    owner: identity.uuid,
    environment: context.env,
    clock: context.clock,
    warn: (problem) => logger.warn({ err: problem }, "a job's leftovers could not be removed"),
  });
  return { host };
}

async function readEnvFile(path: string): Promise<Record<string, string>> {
  try {
    return parseEnvText(await readFile(path, "utf8"));
  } catch {
    return {}; // the default .env need not be there
  }
}
