import type { Outcome } from "./job-event.ts";
import type { JobStatus } from "./step-rules.ts";

/** What the `steps` context tells of a step that is done. */
export interface StepRecord {
  readonly outputs: ReadonlyMap<string, string>;
  readonly outcome: Outcome;
  readonly conclusion: Outcome;
}

/** What a running job has gathered; written by the step loop alone, one step at a time. */
export interface JobState {
  status: JobStatus;
  /** Workflow and job `env`, then what steps wrote to GITHUB_ENV. */
  readonly env: Map<string, string>;
  /** Directories from GITHUB_PATH, the latest first. */
  path: readonly string[];
  /** By step id; steps without an id are not here. */
  readonly steps: Map<string, StepRecord>;
}

/** The state before the first step. */
export function newJobState(): JobState {
  return { status: "success", env: new Map(), path: [], steps: new Map() };
}

/** Puts directories in front, in the order they were added, each once. */
export function prependPaths(path: readonly string[], added: readonly string[]): string[] {
  let result = [...path];
  for (const directory of added) result = [directory, ...result.filter((known) => known !== directory)];
  return result;
}
