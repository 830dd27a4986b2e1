import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerExecutor } from "../executors/container/container-executor.ts";
import { localContainers } from "../executors/container/local-containers.ts";
import { findUser } from "../executors/host/find-user.ts";
import { HostExecutor } from "../executors/host/host-executor.ts";
import type { Clock } from "../lib/clock.ts";
import { type AppError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import type { RunnerConfig } from "./config.ts";
import type { ExecutorSet } from "./executor-set.ts";
import type { RunnerFile } from "./runner-file.ts";
import { workFolder } from "./work-folder.ts";

/** What the executors of this machine are made with. */
export interface MachineExecutorOptions {
  readonly config: RunnerConfig;
  /** Variables of this process that jobs may see; the executor leaves out secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the executors of this machine for a runner. Jobs get folders below `host.workdir_parent`, or below
 * `.runner-work` beside the runner file. What a crashed process of the same runner left is cleaned up first. An engine
 * that does not answer yet is asked again by the first job that needs it.
 */
export function machineExecutors(options: MachineExecutorOptions): (identity: RunnerFile) => Promise<ExecutorSet> {
  const { config, environment, clock, logger } = options;
  const { engineAddress, privileged, validVolumes, limits, options: flags, ...rest } = config.containers;
  const base = workFolder(config);
  const warn = (problem: AppError) => logger.warn({ err: problem }, "a job could not be cleaned up completely");
  return async ({ uuid }) => {
    const shared = { owner: uuid, environment, clock, warn };
    const host = await HostExecutor.open({
      ...shared,
      workRoot: join(base, "jobs"),
      toolCache: join(base, "tool-cache"),
      ...(config.hostRunAs === "" ? {} : { runAs: await findUser(config.hostRunAs) }),
    });
    if (process.platform !== "linux") return { host };
    const containers = (name: "docker" | "podman") =>
      localContainers({
        ...shared,
        name,
        node: process.execPath,
        workRoot: join(base, `${name}-jobs`),
        // what a job's root writes must not come into jobs of the host
        toolCache: join(base, `${name}-tool-cache`),
        address: name === "docker" ? engineAddress : undefined,
        rules: { policy: { privileged, validVolumes }, limits, options: flags },
        ...rest,
      });
    const set = { host, docker: containers("docker"), podman: containers("podman") };
    await cleanEngines([set.docker, set.podman], base, logger);
    return set;
  };
}

/** Only an engine that this runner has used can hold something of it. */
async function cleanEngines(engines: readonly ContainerExecutor[], base: string, logger: Logger): Promise<void> {
  for (const engine of engines) {
    if (!(await exists(join(base, `${engine.name}-jobs`)))) continue;
    await engine.open().catch((error: unknown) => {
      logger.warn({ engine: engine.name, err: error }, `containers of earlier jobs may be left: ${errorText(error)}`);
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
