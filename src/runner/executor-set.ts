import type { ContainerExecutor } from "../executors/container/container-executor.ts";
import { HostWithContainers } from "../executors/container/host-with-containers.ts";
import type { Executor } from "../executors/executor.ts";
import { AppError } from "../lib/errors.ts";
import { chooseLabel, type LabelSchema, type RunnerLabel } from "./labels.ts";

/** The executors this machine has, by the schema of the labels that want them. */
export interface ExecutorSet {
  readonly host?: Executor;
  readonly docker?: ContainerExecutor;
  readonly podman?: ContainerExecutor;
}

/**
 * Where a job runs: the first of its `runs-on` that this runner has decides; without a match it is the host, as with
 * Gitea's runner. The image of a label is that of jobs without a `container`. A job on a host label that asks for
 * containers gets them from the first engine that answers.
 * @throws AppError invalid when this machine does not have what the label wants
 */
export function chooseExecutor(set: ExecutorSet, labels: readonly RunnerLabel[], runsOn: readonly string[]): Executor {
  const label = chooseLabel(labels, runsOn);
  const executor = findExecutor(set, label?.schema ?? "host");
  if (executor === undefined && label === undefined) {
    throw new AppError("invalid", "this runner does not run jobs on the host");
  }
  if (executor === undefined) {
    throw new AppError(
      "invalid",
      `the label '${label?.name}' wants ${label?.schema}, which this runner does not have: start the engine, or register the label as '${label?.name}:host'`,
    );
  }
  return label === undefined || executor === set.host ? executor : ofLabel(executor, label);
}

function findExecutor(set: ExecutorSet, schema: LabelSchema): Executor | undefined {
  if (schema !== "host" || set.host === undefined) return set[schema];
  const engines = [set.docker, set.podman].filter((engine) => engine !== undefined);
  return engines.length === 0 ? set.host : new HostWithContainers(set.host, engines);
}

/** Gives jobs the image of the label, and names the label when its engine is missing. */
function ofLabel(executor: Executor, { name, schema, arg }: RunnerLabel): Executor {
  return {
    name: executor.name,
    capabilities: executor.capabilities,
    prepare: async (job, options) => {
      try {
        return await executor.prepare(arg === "" ? job : { container: { image: arg }, ...job }, options);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "unavailable" || schema === "host") throw error;
        throw new AppError("unavailable", `the label '${name}' wants ${schema}, but ${error.message}`, error);
      }
    },
  };
}
