import { dirname, join, resolve } from "node:path";
import { HostExecutor } from "../executors/host/host-executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import type { RunnerConfig } from "./config.ts";
import type { ExecutorSet } from "./executor-set.ts";
import type { RunnerFile } from "./runner-file.ts";

/** What the executors of this machine are made with. */
export interface MachineExecutorOptions {
  readonly config: RunnerConfig;
  /** Variables of this process that jobs may see; the executor leaves out secrets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the executors of this machine for a runner. Jobs on the host get folders below `host.workdir_parent`, or below
 * `.runner-work` beside the runner file. What a crashed process of the same runner left is cleaned up first.
 */
export function machineExecutors(options: MachineExecutorOptions): (identity: RunnerFile) => Promise<ExecutorSet> {
  const { config, environment, clock, logger } = options;
  const base = resolve(config.hostWorkdirParent || join(dirname(config.runnerFile), ".runner-work"));
  return async ({ uuid }) => ({
    host: await HostExecutor.open({
      workRoot: join(base, "jobs"),
      toolCache: join(base, "tool-cache"),
      owner: uuid,
      environment,
      clock,
      warn: (problem) => logger.warn({ err: problem }, "a job could not be cleaned up completely"),
    }),
  });
}
