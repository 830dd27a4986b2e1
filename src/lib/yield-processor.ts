import { getPriority, setPriority } from "node:os";

/** About a tenth of the share of another thread that wants the same core, and it is put aside as soon as that one wakes. */
const NICE_STEPS = 10;
const NICEST = 19;

/**
 * To be called by a worker thread whose work may wait: the threads that serve go first where cores are few. Linux
 * keeps the nice value by thread (setpriority(2)); elsewhere it is the process's, and nothing is done.
 */
export function yieldProcessor(): void {
  if (process.platform === "linux") setPriority(Math.min(getPriority() + NICE_STEPS, NICEST));
}
