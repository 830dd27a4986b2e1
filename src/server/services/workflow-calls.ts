import type { JsonValue } from "../../lib/json.ts";
import type { Diagnostic } from "../../workflow/diagnostic.ts";
import type { JobLeg } from "../../workflow/expand-job.ts";
import type { Workflow } from "../../workflow/model.ts";
import type { CalledSource } from "../domain/run.ts";
import type { PlannedRun } from "./plan-jobs.ts";

/** What is known when a run is made, as plain data. */
export interface PlanFacts {
  readonly github: JsonValue;
  readonly inputs: JsonValue;
  readonly vars: JsonValue;
  readonly attempt: number;
  /** Epoch ms. */
  readonly now: number;
}

/** A workflow as it was read; `workflow` is absent exactly when there is an error. */
export interface ReadWorkflow {
  readonly workflow?: Workflow;
  readonly diagnostics: readonly Diagnostic[];
}

/** The fields of a leg that a payload holds. */
export type PayloadLeg = Pick<JobLeg, "name" | "runsOn" | "matrix">;

/** What a thread can be asked about a workflow file. */
export type WorkflowAsk = { readonly source: string } & (
  | { readonly kind: "read" }
  | { readonly kind: "plan"; readonly called: readonly CalledSource[]; readonly facts: PlanFacts }
  | {
      readonly kind: "payload";
      readonly jobId: string;
      readonly leg: PayloadLeg;
      readonly workflowName: string | undefined;
    }
);

/** The answer to each kind. */
export type WorkflowAnswer = ReadWorkflow | PlannedRun | string;
