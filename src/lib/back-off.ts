import type { Ids } from "./ids.ts";

/** How long to wait between tries. */
export interface BackOffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The share by which a wait is made longer or shorter at random, so that many callers do not come at once. */
const JITTER = 0.2;

/** The wait after the `failures`-th failure in a row (from 1): base, doubled each time up to the maximum, ± 20 %. */
export function backOffMs(failures: number, { baseMs, maxMs }: BackOffOptions, ids: Pick<Ids, "random">): number {
  const wait = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30));
  return Math.round(wait * (1 - JITTER + 2 * JITTER * ids.random()));
}
