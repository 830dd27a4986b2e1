import { dirname, join, resolve } from "node:path";
import type { RunnerConfig } from "./config.ts";

/** Folder for all that jobs and actions leave on this machine: `host.workdir_parent`, or `.runner-work` beside the runner file. */
export function workFolder({ hostWorkdirParent, runnerFile }: RunnerConfig): string {
  return resolve(hostWorkdirParent || join(dirname(runnerFile), ".runner-work"));
}
