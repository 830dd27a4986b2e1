import type { JobEnvironment, StepExit, StepSpec } from "../../executors/executor.ts";
import type { Ids } from "../../lib/ids.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { MappingTemplate, RunDefaults, Step, Template } from "../../workflow/model.ts";
import type { Outcome } from "./job-event.ts";

/** The stages of a step: `pre` in "Set up job", `main` in its place, `post` after the last step, in reverse. */
export type Stage = "pre" | "main" | "post";

/** How a stage ended; the message goes to the log as an error row. */
export interface StageEnd {
  readonly outcome: Outcome;
  readonly message?: string;
}

/** What a stage may do. All of it ends with the stage. */
export interface StageScope {
  readonly step: Step;
  readonly stage: Stage;
  readonly environment: JobEnvironment;
  readonly platform: NodeJS.Platform;
  readonly ids: Ids;
  /** Aborts with a KillReason when the stage is to end. */
  readonly signal: AbortSignal;
  /** The `github` context. */
  readonly github: Readonly<Record<string, JsonValue>>;
  /** The token of the job, or undefined. */
  readonly token: string | undefined;
  /** The workspace holds the files of a folder of this machine already; a checkout of the own repository is done. */
  readonly local: boolean;
  /** `run` steps run under a pseudo-terminal. */
  readonly terminal: boolean;
  /** State of this step: kept from `pre` to `post`, exported to actions as STATE_…. */
  readonly saved: Map<string, string>;
  /** `shell` and `working-directory` of the step: its own, else the job's, else the workflow's. */
  readonly defaults: RunDefaults;
  /** Joins path pieces as the job sees them; an absolute piece starts anew. */
  join(...pieces: string[]): string;
  /** @throws AppError invalid when the expression is wrong */
  text(template: Template): Promise<string>;
  /** @throws AppError invalid when an expression is wrong */
  mapping(mapping: MappingTemplate): Promise<ReadonlyMap<string, string>>;
  /** The complete environment that `exec` would give a process. @param extra `INPUT_…` and the like */
  env(extra?: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  /** Runs a process of the step: its lines are read for commands and go to the log. */
  exec(spec: Omit<StepSpec, "env">, extra?: Readonly<Record<string, string>>): Promise<StepExit>;
  /** Reads the end of a process as the end of the stage. */
  end(exit: StepExit): StageEnd;
  /** Writes rows. */
  log(text: string): Promise<void>;
  /** Sets an output of the step. */
  output(name: string, value: string): void;
  /** Masks a value from now on. */
  mask(value: string): void;
}

/** Runs one stage. @throws AppError when it could not: the step fails with the sentence */
export type RunStage = (scope: StageScope) => Promise<StageEnd>;

/**
 * A kind of step. `post` runs when `main` was started (or `pre`, where there is one), whatever became of it; its
 * condition is `always()`.
 */
export interface StepHandler {
  readonly pre?: RunStage;
  readonly main: RunStage;
  readonly post?: RunStage;
}
