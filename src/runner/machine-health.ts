import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import { HealthProblem_Kind } from "../protocol/messages.ts";
import type { RunnerConfig } from "./config.ts";

/** The machine that a runner works on; a driver of its own shape in programs, anything in tests. */
export interface RunnerMachine {
  facts(): Promise<MachineFacts>;
  usage(): Promise<{ readonly cpu: number; readonly memoryBytes: number; readonly diskBytes: number }>;
  /** Bytes that may still be written. */
  freeDisk(): Promise<number>;
  /** Empty when the engine does not answer. */
  engineVersion(engine: "docker" | "podman"): Promise<string>;
  /** What is wrong, or undefined. */
  check(script: string, timeoutMs: number): Promise<string | undefined>;
}

/** See SystemInfo of the protocol. */
export interface MachineFacts {
  readonly os: string;
  readonly arch: string;
  readonly osVersion: string;
  readonly gitVersion: string;
  readonly nodeVersion: string;
  readonly dockerVersion: string;
  readonly podmanVersion: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** Why the machine cannot take work. */
export interface MachineProblem {
  readonly kind: HealthProblem_Kind;
  /** One sentence. */
  readonly reason: string;
}

const MIB = 1024 * 1024;

/** Checks the machine, at most once per interval. */
export class MachineHealth {
  readonly #machine: RunnerMachine;
  readonly #config: RunnerConfig["healthCheck"];
  readonly #clock: Clock;
  /** Engines that jobs need and that answered before; one that never did is no news. */
  readonly #engines: readonly ("docker" | "podman")[];
  readonly #seen = new Set<string>();
  #checkedAt = Number.NEGATIVE_INFINITY;
  #problem: MachineProblem | undefined;

  constructor(options: {
    readonly machine: RunnerMachine;
    readonly config: RunnerConfig["healthCheck"];
    readonly engines: readonly ("docker" | "podman")[];
    readonly clock: Clock;
  }) {
    this.#machine = options.machine;
    this.#config = options.config;
    this.#engines = options.engines;
    this.#clock = options.clock;
  }

  /** The problem there is now, or undefined. */
  async look(): Promise<MachineProblem | undefined> {
    const now = this.#clock.now();
    if (now - this.#checkedAt < this.#config.intervalMs) return this.#problem;
    this.#checkedAt = now;
    this.#problem = (await this.#lostEngine()) ?? (this.#config.enabled ? await this.#configured() : undefined);
    return this.#problem;
  }

  async #lostEngine(): Promise<MachineProblem | undefined> {
    for (const engine of this.#engines) {
      if ((await this.#machine.engineVersion(engine)) !== "") this.#seen.add(engine);
      else if (this.#seen.has(engine)) {
        return { kind: HealthProblem_Kind.ENGINE, reason: `${engine} does not answer any more` };
      }
    }
    return undefined;
  }

  async #configured(): Promise<MachineProblem | undefined> {
    const { minFreeDiskMib, script, timeoutMs } = this.#config;
    try {
      const free = Math.floor((await this.#machine.freeDisk()) / MIB);
      if (free < minFreeDiskMib) {
        return {
          kind: HealthProblem_Kind.LOW_DISK,
          reason: `only ${free} MiB of disk are free; ${minFreeDiskMib} are asked for`,
        };
      }
    } catch (error) {
      return { kind: HealthProblem_Kind.LOW_DISK, reason: `the free disk space cannot be read: ${errorText(error)}` };
    }
    const reason = script === "" ? undefined : await this.#machine.check(script, timeoutMs);
    return reason === undefined ? undefined : { kind: HealthProblem_Kind.SCRIPT, reason };
  }
}
