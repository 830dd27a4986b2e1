import { CONTEXTS, STATUS_FUNCTIONS } from "../expressions/known-names.ts";

/** What an expression may use at one place of a file. */
export interface Place {
  /** What stands there, for messages. */
  readonly name: string;
  readonly contexts: readonly string[];
  readonly functions: readonly string[];
}

const BASE = ["github", "inputs", "vars"];
const JOB = [...BASE, "needs", "strategy", "matrix"];
const STEP = [...JOB, "secrets", "steps", "job", "runner", "env"];
const HASH = ["hashfiles"];

function place(name: string, contexts: readonly string[], functions: readonly string[] = []): Place {
  return { name, contexts, functions };
}

/** Availability of contexts and functions, after GitHub's table of contexts; Gitea does not enforce it, so we only warn. */
export const PLACES = {
  runName: place("run-name", BASE),
  workflowConcurrency: place("concurrency", BASE),
  workflowEnv: place("env", [...BASE, "secrets"]),
  callInputDefault: place("the default of an input", BASE),
  callOutput: place("the output of a reusable workflow", [...BASE, "jobs"]),
  jobIf: place("the job's if", [...BASE, "needs"], STATUS_FUNCTIONS),
  strategy: place("strategy", [...BASE, "needs"]),
  job: place("a key of the job", JOB),
  jobEnv: place("the job's env", [...JOB, "secrets"]),
  credentials: place("credentials", [...JOB, "secrets", "env"]),
  jobOutputs: place("outputs", STEP),
  environmentUrl: place(
    "environment.url",
    STEP.filter((name) => name !== "secrets"),
  ),
  defaults: place("defaults.run", [...JOB, "env"]),
  stepIf: place(
    "the step's if",
    STEP.filter((name) => name !== "secrets"),
    [...STATUS_FUNCTIONS, ...HASH],
  ),
  step: place("a key of the step", STEP, HASH),
  actionInput: place("the default of an input", [...BASE, "strategy", "matrix", "job", "runner"], HASH),
  actionOutput: place("the output of an action", STEP, HASH),
  actionStepIf: place("the step's if", STEP, [...STATUS_FUNCTIONS, ...HASH]),
  anywhere: place("here", CONTEXTS, [...STATUS_FUNCTIONS, ...HASH]),
} as const satisfies Record<string, Place>;
