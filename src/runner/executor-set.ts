import type { Executor } from "../executors/executor.ts";
import { AppError } from "../lib/errors.ts";
import { chooseLabel, type LabelSchema, type RunnerLabel } from "./labels.ts";

/** The executors this machine has, by the schema of the labels that want them. */
export type ExecutorSet = Readonly<Partial<Record<LabelSchema, Executor>>>;

/**
 * Where a job runs: the first of its `runs-on` that this runner has decides; without a match it is the host, as with
 * Gitea's runner.
 * @throws AppError invalid when this machine does not have what the label wants
 */
export function chooseExecutor(set: ExecutorSet, labels: readonly RunnerLabel[], runsOn: readonly string[]): Executor {
  const label = chooseLabel(labels, runsOn);
  const executor = set[label?.schema ?? "host"];
  if (executor !== undefined) return executor;
  if (label === undefined) throw new AppError("invalid", "this runner does not run jobs on the host");
  throw new AppError(
    "invalid",
    `the label '${label.name}' wants ${label.schema}, which this runner does not have: start the engine, or register the label as '${label.name}:host'`,
  );
}
