import type Docker from "dockerode";
import type { PullPolicy } from "../../drivers/docker/pull-image.ts";

/** A container to be, as `options:` and the rest of its description fill it in. */
export interface ContainerDraft {
  readonly create: Docker.ContainerCreateOptions & {
    readonly Env: string[];
    readonly Labels: Record<string, string>;
    readonly Volumes: Record<string, object>;
    readonly ExposedPorts: Record<string, object>;
  };
  readonly host: Docker.HostConfig & {
    readonly Binds: string[];
    readonly Mounts: Docker.MountSettings[];
    readonly PortBindings: Record<string, { HostIp: string; HostPort: string }[]>;
    readonly ExtraHosts: string[];
  };
  readonly aliases: string[];
  /** Of the job's network, unless `--network` names another. */
  network?: string;
  pull?: PullPolicy;
  /** Flags that give a container power over its machine, as they were written. */
  readonly powers: string[];
  /** Sources of its mounts: folders of the machine and named volumes. */
  readonly sources: string[];
}

/** An empty draft. */
export function newDraft(): ContainerDraft {
  return {
    create: { Env: [], Labels: {}, Volumes: {}, ExposedPorts: {} },
    host: { Binds: [], Mounts: [], PortBindings: {}, ExtraHosts: [] },
    aliases: [],
    powers: [],
    sources: [],
  };
}
