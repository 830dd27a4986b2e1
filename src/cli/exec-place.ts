import { join } from "node:path";
import { HostWithContainers } from "../executors/container/host-with-containers.ts";
import { localContainers } from "../executors/container/local-containers.ts";
import type { Executor } from "../executors/executor.ts";
import { HostExecutor } from "../executors/host/host-executor.ts";
import type { AppError } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { chooseExecutor } from "../runner/executor-set.ts";
import { chooseLabel, parseLabels } from "../runner/labels.ts";
import type { LocalPlace } from "../runner/run-local.ts";
import type { CliContext } from "./cli-context.ts";

/** What says where the jobs of `exec` run. */
export interface ExecPlaceOptions {
  /** Folder of this run; removed by the caller. */
  readonly folder: string;
  /** Image of all jobs that no label speaks of. @default they run on the host */
  readonly image?: string | undefined;
  /** `NAME:docker://IMAGE`, as a runner has them. */
  readonly labels: readonly string[];
  readonly logger: Logger;
}

const OTHER_SYSTEMS: readonly { readonly platform: NodeJS.Platform; readonly label: RegExp; readonly name: string }[] =
  [
    { platform: "win32", label: /^windows(-|$)/i, name: "Windows" },
    { platform: "darwin", label: /^macos(-|$)/i, name: "macOS" },
  ];

/**
 * Where jobs run without a server: as their label says, else in the image that was given, else on the host whatever
 * their labels are. A job for another system is skipped. The workflows are the caller's own, on the caller's own
 * machine, so that their containers may do what the caller may.
 */
export async function execPlace(
  { folder, image, labels: texts, logger }: ExecPlaceOptions,
  { env, clock, ids }: CliContext,
): Promise<(runsOn: readonly string[]) => LocalPlace> {
  const labels = parseLabels(texts);
  const warn = (problem: AppError) => logger.warn({ err: problem }, "a job's leftovers could not be removed");
  const shared = { owner: ids.uuid(), environment: env, clock, warn };
  const host = await HostExecutor.open({
    ...shared,
    workRoot: join(folder, "jobs"),
    toolCache: join(folder, "tool-cache"),
  });
  const containers = (name: "docker" | "podman") =>
    localContainers({
      ...shared,
      name,
      node: process.execPath,
      workRoot: join(folder, `${name}-jobs`),
      toolCache: join(folder, `${name}-tool-cache`),
      rules: { policy: { privileged: true, validVolumes: ["**"] }, limits: {}, options: "" },
    });
  const engines = process.platform === "linux" ? { docker: containers("docker"), podman: containers("podman") } : {};
  const any = new HostWithContainers(host, Object.values(engines));
  return (runsOn) => {
    if (chooseLabel(labels, runsOn) !== undefined) {
      return { executor: chooseExecutor({ host, ...engines }, labels, runsOn) };
    }
    if (image !== undefined) return { executor: inImage(any, image) };
    const other = OTHER_SYSTEMS.find(({ platform, label }) => {
      return platform !== process.platform && runsOn.some((name) => label.test(name));
    });
    if (other === undefined) return { executor: any };
    return { skipped: `it wants ${other.name} (runs-on: ${runsOn.join(", ")}), which this machine is not` };
  };
}

/** Jobs without a container of their own run in the image. */
function inImage(executor: Executor, image: string): Executor {
  return {
    name: executor.name,
    capabilities: executor.capabilities,
    prepare: (job, options) => executor.prepare({ container: { image }, ...job }, options),
  };
}
