/** The machine of a runner as it described itself; empty texts and zeros stand for what it did not say. */
export interface RunnerSystem {
  /** In Go's words: linux, darwin, windows. */
  readonly os: string;
  /** In Go's words: amd64, arm64. */
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

/** How much of a runner's machine is in use. */
export interface RunnerUsage {
  /** Share of the processors' time since the report before, from 0 to 1. */
  readonly cpu: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What a runner says that it is doing; null where it did not say. */
export type RunnerPhase = "starting" | "ready" | "stopping" | null;
