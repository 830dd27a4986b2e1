import { Engine } from "../../drivers/docker/engine.ts";
import { FLAVOURS } from "../../drivers/docker/engine-flavour.ts";
import { type EnginePlace, findEngine } from "../../drivers/docker/find-engine.ts";
import { startPodmanService } from "../../drivers/docker/podman-service.ts";
import { systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { ContainerExecutor } from "./container-executor.ts";
import type { ContainerExecutorOptions } from "./container-options.ts";

/** Settings of an executor whose engine is looked for on this machine. */
export type LocalContainersOptions = Omit<ContainerExecutorOptions, "connect"> & EnginePlace;

/**
 * An executor for an engine of this machine. Nothing is asked of the engine before the first job or `open`, so that it
 * may start later than the runner. Where Podman's service does not run, it is started for this process.
 */
export function localContainers(options: LocalContainersOptions): ContainerExecutor {
  const { name, environment, address, clock = systemClock } = options;
  return new ContainerExecutor({
    ...options,
    connect: async () => {
      try {
        return await findEngine(name, { environment, address });
      } catch (error) {
        const given = address || environment["CONTAINER_HOST"];
        if (name !== "podman" || given || !(error instanceof AppError) || error.code !== "unavailable") throw error;
        return await Engine.connect(FLAVOURS.podman, await startPodmanService(environment, clock));
      }
    },
  });
}
