import type Docker from "dockerode";
import { split } from "shlex";
import type { PullPolicy } from "../../drivers/docker/pull-image.ts";
import type { ContainerSpec, ServiceSpec } from "../executor.ts";
import { type ContainerDraft, newDraft } from "./container-draft.ts";
import { type ContainerPolicy, checkPolicy } from "./container-policy.ts";
import { addPort, addVolume } from "./draft-mounts.ts";
import { readOptions } from "./read-options.ts";

/** Limits of every container of a job; a workflow can ask for less, not for more. */
export interface ContainerLimits {
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  /** Processes and threads. */
  readonly pids?: number | undefined;
}

/** What the runner's owner says of all containers. */
export interface ContainerRules {
  readonly policy: ContainerPolicy;
  readonly limits: ContainerLimits;
  /** Flags below those of the workflow; they may ask for everything. */
  readonly options: string;
}

/** A folder of this machine in a container. */
export interface FolderMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
}

/** A container that can be made, once its image and its network are known. */
export interface ContainerPlan {
  readonly create: Docker.ContainerCreateOptions;
  readonly host: Docker.HostConfig;
  readonly aliases: readonly string[];
  /** `none` or `host` instead of the job's network. */
  readonly network: string | undefined;
  readonly pull: PullPolicy | undefined;
  /** Such as `linux/arm64`; undefined is the engine's own. */
  readonly platform: string | undefined;
}

/**
 * Plans a container. Nothing is asked of an engine yet, so that a mistake in `options` fails before an image is pulled.
 * @throws AppError invalid (it cannot be read), forbidden (it is not allowed)
 */
export function planContainer(spec: ContainerSpec, rules: ContainerRules, where: string): ContainerPlan {
  const asked = newDraft();
  for (const volume of spec.volumes ?? []) addVolume(asked, volume);
  for (const port of spec.ports ?? []) addPort(asked, port);
  readOptions(asked, spec.options ?? "", where);
  checkPolicy(asked, rules.policy, where);

  const draft = newDraft();
  readOptions(draft, rules.options, "this runner's container.options");
  for (const volume of spec.volumes ?? []) addVolume(draft, volume);
  for (const port of spec.ports ?? []) addPort(draft, port);
  draft.create.Env.push(...Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`));
  readOptions(draft, spec.options ?? "", where);
  applyLimits(draft, rules.limits);
  const { platform, ...create } = draft.create;
  return { create, host: draft.host, aliases: draft.aliases, network: draft.network, pull: draft.pull, platform };
}

/** A service's own program instead of its image's. */
export function withProgram(plan: ContainerPlan, { entrypoint, command }: ServiceSpec): ContainerPlan {
  return {
    ...plan,
    create: {
      ...plan.create,
      ...(entrypoint === undefined || entrypoint === "" ? {} : { Entrypoint: split(entrypoint) }),
      ...(command === undefined || command === "" ? {} : { Cmd: split(command) }),
    },
  };
}

function applyLimits({ host }: ContainerDraft, { cpus, memoryBytes, pids }: ContainerLimits): void {
  const least = (asked: number | undefined, limit: number) => Math.min(asked || limit, limit);
  if (cpus !== undefined) {
    Object.assign(host, { NanoCpus: least(host.NanoCpus, Math.round(cpus * 1e9)), CpuQuota: undefined });
  }
  if (memoryBytes !== undefined) {
    const memory = least(host.Memory, memoryBytes);
    // without this the engine allows as much swap again
    Object.assign(host, { Memory: memory, MemorySwap: memory });
  }
  if (pids !== undefined) {
    const asked = host.PidsLimit !== undefined && host.PidsLimit > 0 ? host.PidsLimit : pids;
    Object.assign(host, { PidsLimit: Math.min(asked, pids) });
  }
}
