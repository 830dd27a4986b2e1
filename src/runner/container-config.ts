import { parseSize } from "../executors/container/option-values.ts";
import { AppError } from "../lib/errors.ts";

/** What the configuration says of containers. */
export interface ContainerConfig {
  /** Network of all containers; undefined makes one per job. */
  readonly network: string | undefined;
  readonly ipv6: boolean;
  readonly privileged: boolean;
  /** Flags of `docker create` for every container. */
  readonly options: string;
  readonly validVolumes: readonly string[];
  /** Address of the engine; undefined looks for it. */
  readonly engineAddress: string | undefined;
  readonly pull: "always" | "missing" | "never";
  readonly mountSocket: boolean;
  readonly serviceReadyMs: number;
  readonly limits: { readonly cpus?: number; readonly memoryBytes?: number; readonly pids?: number };
}

/** Words of Gitea's `docker_host` that leave the choice to the runner. */
const FIND_ENGINE: ReadonlySet<string> = new Set(["", "-", "automount"]);

/**
 * Compiles the keys below `container.`.
 * @param get the value of a key
 * @throws AppError invalid when a limit cannot be read
 */
export function compileContainers(
  get: <T extends string | number | boolean | readonly string[]>(key: string) => T,
): ContainerConfig {
  const address = get<string>("container.docker_host");
  // `bridge` is what the old key meant by a network per job
  const network = get<string>("container.network") || get<string>("container.network_mode").replace(/^bridge$/, "");
  const memory = get<string>("container.memory");
  const cpus = get<string>("container.cpus");
  const pids = get<number>("container.pids");
  return {
    network: network === "" ? undefined : network,
    ipv6: get<boolean>("container.network_create_options.enable_ipv6") || get<boolean>("container.enable_ipv6"),
    privileged: get("container.privileged"),
    options: get("container.options"),
    validVolumes: get("container.valid_volumes"),
    engineAddress: FIND_ENGINE.has(address) ? undefined : address,
    pull: get<boolean>("container.force_pull") ? "always" : "missing",
    mountSocket: get("container.mount_socket"),
    serviceReadyMs: get("container.service_ready_timeout"),
    limits: {
      ...(cpus === "" ? {} : { cpus: readCpus(cpus) }),
      ...(memory === "" ? {} : { memoryBytes: parseSize(memory) }),
      ...(pids <= 0 ? {} : { pids }),
    },
  };
}

function readCpus(text: string): number {
  const cpus = Number(text);
  if (cpus > 0 && Number.isFinite(cpus)) return cpus;
  throw new AppError("invalid", `container.cpus cannot be '${text}': it has to be a number such as 2 or 0.5`);
}
