import type { ExprValue } from "../../workflow/expressions/value.ts";
import type { RunDefaults } from "../../workflow/model.ts";
import type { StepRecord } from "./job-state.ts";
import type { JobStatus, StopReason } from "./step-rules.ts";

/** What ends the steps inside of an action together with the action's own stage. */
interface EnclosingStage {
  readonly signal: AbortSignal;
  readonly reason: () => StopReason | undefined;
  /** Limit of the stage, for messages. */
  readonly limitMinutes: number;
}

/** Steps that run one after another and see each other's results: those of a job, or of one composite action. */
export interface StepFrame {
  /** 0 for the steps of the job, one more for every composite action around them. */
  readonly depth: number;
  /** Index of the job's step that all of this belongs to; absent for the job's own steps. */
  readonly outerIndex?: number;
  /** The `steps` context. */
  readonly steps: Map<string, StepRecord>;
  /** Contexts in place of the job's: a composite action has its own `inputs`, and no `secrets`. */
  readonly contexts: ReadonlyMap<string, ExprValue>;
  /** What the frame adds to the `github` context: `action_path` and its kin. */
  readonly github: Readonly<Record<string, string>>;
  /** Variables that the enclosing composite steps set themselves; they win over GITHUB_ENV. */
  readonly env: ReadonlyMap<string, string>;
  readonly defaults: RunDefaults;
  /** The status that `success()` and `failure()` look at where it is not the job's: in a composite's main stage. */
  readonly own?: { status: JobStatus };
  readonly enclosing?: EnclosingStage;
}
