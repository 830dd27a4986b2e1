import type { Ending } from "./await-end.ts";

/** A program to run. */
export interface ProcessSpec {
  /** The program, looked up in PATH of `env`, and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** The complete environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Give it a pseudo-terminal; all output then comes as stdout. @default false */
  readonly pty?: boolean;
  /** Run as another user; needs root. @default the user of this process */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A program that runs: what the two ways of starting one have in common. */
export interface Started extends Ending {
  /** Also the id of its own process group. */
  readonly pid: number;
}
