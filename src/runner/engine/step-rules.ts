import type { KillReason, StepExit } from "../../executors/executor.ts";
import type { Outcome } from "./job-event.ts";

/** Status of a running job, as the `job` context and the status functions see it. */
export type JobStatus = "success" | "failure" | "cancelled";

/** What becomes of a step before it runs. */
export type StepDecision =
  | { readonly kind: "run" }
  | { readonly kind: "skip" }
  /** Its condition or environment could not be evaluated. */
  | { readonly kind: "fail"; readonly message: string };

/** The result of evaluating something a step needs, as a value. */
export type Evaluated<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

const RANK: Readonly<Record<JobStatus, number>> = { success: 0, failure: 1, cancelled: 2 };

/** The worse of two states of a job: success < failure < cancelled; so cancelled is sticky. */
export function mergeStatus(a: JobStatus, b: JobStatus): JobStatus {
  return RANK[a] >= RANK[b] ? a : b;
}

/**
 * Decides whether a step runs. The environment is evaluated before the condition, and an error in either fails the step
 * (GitHub's StepsRunner does the same).
 */
export function decideStep(env: Evaluated<unknown>, condition: Evaluated<boolean>): StepDecision {
  if (!env.ok) return { kind: "fail", message: env.message };
  if (!condition.ok) return { kind: "fail", message: condition.message };
  return condition.value ? { kind: "run" } : { kind: "skip" };
}

/** What a cancel does to the step that is running: it goes on where its condition still holds (`always()`, `cancelled()`). */
export function survivesCancel(condition: Evaluated<boolean>): boolean {
  return condition.ok && condition.value;
}

/** Why a running step was asked to end: its own time limit, or something that ends the job. */
export type StopReason = KillReason | "step-timeout";

/** What a process's end means for its step, and the sentence for the log (none when all is well). */
export interface ExitMeaning {
  readonly outcome: Outcome;
  readonly message?: string;
}

/** Reads the end of a step's process. `limitMinutes` is the limit that ran out, for the message. */
export function meaningOfExit(exit: StepExit, stop: StopReason | undefined, limitMinutes: number): ExitMeaning {
  switch (exit.kind) {
    case "exited":
      if (stop === "step-timeout") return timedOut(limitMinutes);
      if (stop !== undefined) return { outcome: "cancelled", message: "The operation was canceled." };
      if (exit.code === 0) return { outcome: "success" };
      return {
        outcome: "failure",
        message: exit.outOfMemory
          ? `Process ran out of memory and was killed (exit code ${exit.code}). Raise the job's memory limit.`
          : `Process completed with exit code ${exit.code}.`,
      };
    case "killed":
      if (stop === "step-timeout" || (stop === undefined && exit.reason === "timeout")) return timedOut(limitMinutes);
      return { outcome: "cancelled", message: "The operation was canceled." };
    case "not-started":
      return { outcome: "failure", message: exit.error.message };
  }
}

function timedOut(limitMinutes: number): ExitMeaning {
  return { outcome: "failure", message: `The step has timed out after ${limitMinutes} minutes.` };
}

/** The conclusion of a step: a failure that `continue-on-error` allows counts as success; the outcome keeps the truth. */
export function concludeStep(outcome: Outcome, continueOnError: boolean): Outcome {
  return outcome === "failure" && continueOnError ? "success" : outcome;
}

/** The status of the job after a step with this conclusion. A step that was stopped by its own limit counts as a failure. */
export function statusAfter(status: JobStatus, conclusion: Outcome): JobStatus {
  if (conclusion === "failure") return mergeStatus(status, "failure");
  if (conclusion === "cancelled") return mergeStatus(status, "cancelled");
  return status;
}

/** What ended a job before its last step, if anything. */
export type JobEnd = "cancelled" | "shutdown" | "timeout" | undefined;

/**
 * The result that is reported. A job whose time ran out fails, although its steps saw `cancelled()`: nobody cancelled
 * it, and Gitea's runner reports the same.
 */
export function jobResult(status: JobStatus, end: JobEnd): Outcome {
  if (end === "timeout") return "failure";
  return status;
}
