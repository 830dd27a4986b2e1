import type { Engine } from "../../drivers/docker/engine.ts";
import type { PullPolicy } from "../../drivers/docker/pull-image.ts";
import type { KillGrace } from "../../drivers/process/kill-tree.ts";
import type { Clock } from "../../lib/clock.ts";
import type { AppError } from "../../lib/errors.ts";
import type { ContainerRules, FolderMount } from "./build-container.ts";

/** Settings of an executor that runs jobs in containers. */
export interface ContainerExecutorOptions {
  readonly name: "docker" | "podman";
  /** Reaches the engine; called until it succeeds once. @throws AppError unavailable, saying what to do */
  connect(): Promise<Engine>;
  /** Folder for the jobs' folders, on the engine's machine; made when missing. No other executor may use it. */
  readonly workRoot: string;
  /** RUNNER_TOOL_CACHE, kept between jobs; made when missing. */
  readonly toolCache: string;
  /** The runner's uuid: what it finds with this mark after a crash is its own. Two runners that run at once have two. */
  readonly owner: string;
  readonly rules: ContainerRules;
  /** @default missing */
  readonly pull?: PullPolicy | undefined;
  /** Network of all containers instead of one per job, such as `none`, `host` or a name. @default one per job */
  readonly network?: string | undefined;
  readonly ipv6?: boolean | undefined;
  /** Jobs get the engine's socket at /var/run/docker.sock, and with it all of the engine's power. @default false */
  readonly mountSocket?: boolean | undefined;
  /** More folders for every job's container. @default none */
  readonly mounts?: readonly FolderMount[] | undefined;
  /** A Node of this machine that actions run on, where the image's C library fits it. @default none; the image needs its own */
  readonly node?: string | undefined;
  /** Longest wait for a service. @default 5 minutes */
  readonly serviceReadyMs?: number | undefined;
  /** @default 7.5 s and 2.5 s */
  readonly grace?: KillGrace | undefined;
  /** @default 5 s */
  readonly drainMs?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Told what could not be cleaned up. */
  warn(problem: AppError): void;
}
