import type Docker from "dockerode";
import { type Engine, lacksInit } from "../../drivers/docker/engine.ts";
import { AppError } from "../../lib/errors.ts";
import type { ContainerFacts } from "../executor.ts";
import type { ContainerPlan } from "./build-container.ts";

/** The network of a job's containers. */
export interface JobNetwork {
  /** Name or id; or a mode of the engine such as `host`. */
  readonly name: string;
  /** It is the job's own, so that aliases can be given. */
  readonly own: boolean;
}

/** What makes a plan a container. */
export interface StartOptions {
  readonly engine: Engine;
  /** Name for people; has to be unique at the engine. */
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: JobNetwork | undefined;
  readonly aliases: readonly string[];
  /** `name:address`, for engines that do not resolve aliases. */
  readonly hosts: readonly string[];
  /** Over what the plan says. */
  readonly create?: Partial<Docker.ContainerCreateOptions>;
  readonly mounts?: readonly Docker.MountSettings[];
  readonly binds?: readonly string[];
}

/**
 * Makes and starts a container. When the start fails, it is removed again.
 * @throws AppError as the engine says it
 */
export async function startContainer(plan: ContainerPlan, options: StartOptions): Promise<string> {
  const { engine } = options;
  const id = await makeContainer(plan, options);
  try {
    await engine.startContainer(id);
    return id;
  } catch (error) {
    await engine.removeContainer(id);
    throw error;
  }
}

/** Makes a container without starting it. @throws AppError as the engine says it */
export function makeContainer(plan: ContainerPlan, options: StartOptions): Promise<string> {
  return create(options.engine, createOptions(plan, options));
}

/** An init process reaps what steps leave; where the engine has none, it does without. */
async function create(engine: Engine, options: Docker.ContainerCreateOptions): Promise<string> {
  try {
    return await engine.createContainer(options);
  } catch (error) {
    if (lacksInit(error) && options.HostConfig?.Init === true) {
      return await engine.createContainer({ ...options, HostConfig: { ...options.HostConfig, Init: false } });
    }
    if (error instanceof AppError && /bind source path does not exist|no such file or directory/.test(error.message)) {
      throw new AppError(
        "invalid",
        `${error.message}: the engine has to run on the runner's own machine, or see its folders at the same paths`,
        error,
      );
    }
    throw error;
  }
}

function createOptions(plan: ContainerPlan, options: StartOptions): Docker.ContainerCreateOptions {
  const { name, image, labels, network, aliases, hosts } = options;
  const { create, host } = plan;
  const mode = plan.network ?? network?.name ?? "none";
  const own = plan.network === undefined && network?.own === true;
  return {
    name,
    ...create,
    ...options.create,
    Image: image,
    Env: [...(create.Env ?? []), ...(options.create?.Env ?? [])],
    Labels: { ...create.Labels, ...labels },
    ...(plan.platform === undefined ? {} : { platform: plan.platform }),
    HostConfig: {
      Init: true,
      ...host,
      Binds: [...(host.Binds ?? []), ...(options.binds ?? [])],
      Mounts: [...(host.Mounts ?? []), ...(options.mounts ?? [])],
      ExtraHosts: [...((host.ExtraHosts as string[] | undefined) ?? []), ...(mode === "host" ? [] : hosts)],
      NetworkMode: mode,
    },
    ...(own ? { NetworkingConfig: { EndpointsConfig: { [mode]: { Aliases: [...aliases, ...plan.aliases] } } } } : {}),
  };
}

/** The facts of a container, and its address in a network. */
export async function containerFacts(
  engine: Engine,
  id: string,
): Promise<{ facts: ContainerFacts; address: string | undefined; env: Record<string, string>; user: string }> {
  const info = await engine.inspectContainer(id);
  if (info === undefined)
    throw new AppError("unavailable", `the container ${id.slice(0, 12)} vanished as it was started`);
  const [[network, endpoint] = ["", undefined]] = Object.entries(info.NetworkSettings.Networks ?? {});
  const ports: Record<string, string> = {};
  for (const [port, bindings] of Object.entries(info.NetworkSettings.Ports ?? {})) {
    const [binding] = bindings ?? [];
    if (binding !== undefined) ports[port.replace(/\/tcp$/, "")] = binding.HostPort;
  }
  const pairs = (info.Config.Env ?? []).map((entry) => {
    const at = entry.indexOf("=");
    return [entry.slice(0, at), entry.slice(at + 1)] as const;
  });
  const address = endpoint?.IPAddress === "" ? undefined : endpoint?.IPAddress;
  return { facts: { id, network, ports }, address, env: Object.fromEntries(pairs), user: info.Config.User ?? "" };
}
