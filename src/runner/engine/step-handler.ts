import type { ActionContainerSpec, JobEnvironment, StepExit, StepSpec } from "../../executors/executor.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { ExprValue } from "../../workflow/expressions/value.ts";
import type { Condition, MappingTemplate, RunDefaults, Step, Template } from "../../workflow/model.ts";
import type { Outcome } from "./job-event.ts";
import type { StepRecord } from "./job-state.ts";
import type { StepFrame } from "./step-frame.ts";

/** The stages of a step: `pre` in "Set up job", `main` in its place, `post` after the last step, in reverse. */
export type Stage = "pre" | "main" | "post";

/** How a stage ended; the message goes to the log as an error row. */
export interface StageEnd {
  readonly outcome: Outcome;
  readonly message?: string;
}

/** Variables of one process besides those of its step. */
export interface ProcessVariables {
  /** `INPUT_…`, `STATE_…` and the like; above the step's own `env`. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** What differs in the `github` context, and so in `GITHUB_…`: an action's path, repository and ref. @default none */
  readonly github?: Readonly<Record<string, string>>;
  /** Below all others: what an action wants where nobody says otherwise. @default none */
  readonly low?: Readonly<Record<string, string>>;
}

/** What a composite action gives to the steps inside of it. */
export interface CompositeParts {
  /** Kept from stage to stage. */
  readonly steps: Map<string, StepRecord>;
  readonly contexts: ReadonlyMap<string, ExprValue>;
  readonly github: Readonly<Record<string, string>>;
}

/** What a stage may do. All of it ends with the stage. */
export interface StageScope {
  readonly step: Step;
  readonly stage: Stage;
  readonly environment: JobEnvironment;
  readonly platform: NodeJS.Platform;
  readonly ids: Ids;
  readonly clock: Clock;
  /** Calls to the job's services take any TLS certificate. */
  readonly insecure: boolean;
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
  /** The steps that this one stands among. */
  readonly frame: StepFrame;
  /** `shell` and `working-directory` of the step: its own, else the job's, else the workflow's; in an action only its own. */
  readonly defaults: RunDefaults;
  /** Joins path pieces as the job sees them; an absolute piece starts anew. */
  join(...pieces: string[]): string;
  /** @throws AppError invalid when the expression is wrong */
  text(template: Template): Promise<string>;
  /** @throws AppError invalid when an expression is wrong */
  mapping(mapping: MappingTemplate): Promise<ReadonlyMap<string, string>>;
  /** The complete environment that `exec` would give a process. */
  env(variables?: ProcessVariables): Promise<Record<string, string>>;
  /** Runs a process of the step: its lines are read for commands and go to the log. */
  exec(spec: Omit<StepSpec, "env">, variables?: ProcessVariables): Promise<StepExit>;
  /** Runs a container of the step, which has nothing of the job's own PATH and variables of the machine. */
  runImage(spec: Omit<ActionContainerSpec, "env">, variables?: ProcessVariables): Promise<StepExit>;
  /** Reads the end of a process as the end of the stage. */
  end(exit: StepExit): StageEnd;
  /** Writes rows. */
  log(text: string): Promise<void>;
  /** Sets an output of the step. */
  output(name: string, value: string): void;
  /** Masks a value from now on. */
  mask(value: string): void;
  /** The frame for the steps inside of this one. */
  inside(parts: CompositeParts): StepFrame;
}

/** Runs one stage. @throws AppError when it could not: the step fails with the sentence */
export type RunStage = (scope: StageScope) => Promise<StageEnd>;

/**
 * A kind of step, made for one step of a job. `post` runs when `main` was started (or `pre`, where there is one),
 * whatever became of it.
 */
export interface StepHandler {
  readonly pre?: RunStage | undefined;
  /** @default always() */
  readonly preIf?: Condition | undefined;
  readonly main: RunStage;
  /** Asked when `main` has ended: an action of the workspace is not known before. */
  readonly post?: RunStage | undefined;
  /** @default always() */
  readonly postIf?: Condition | undefined;
}
