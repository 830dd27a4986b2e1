import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Result, type StepState, StepStateSchema, type TaskState, TaskStateSchema } from "../../protocol/messages.ts";
import type { JobEvent, Outcome } from "../engine/job-event.ts";

const RESULTS: Readonly<Record<Outcome, Result>> = {
  success: Result.SUCCESS,
  failure: Result.FAILURE,
  cancelled: Result.CANCELLED,
  skipped: Result.SKIPPED,
};

interface StepProgress {
  result: Result;
  startedAt?: number;
  stoppedAt?: number;
  logIndex: number;
  logLength: number;
}

/** The state of a task as the server is told, built from the job's events. */
export class TaskProgress {
  readonly #id: bigint;
  readonly #startedAt: number;
  readonly #steps: StepProgress[];
  #result: Result = Result.UNSPECIFIED;
  #stoppedAt: number | undefined;

  /** @param steps number of steps of the job; their rows exist from the beginning */
  constructor(id: bigint, steps: number, startedAt: number) {
    this.#id = id;
    this.#startedAt = startedAt;
    this.#steps = Array.from({ length: steps }, () => ({ result: Result.UNSPECIFIED, logIndex: 0, logLength: 0 }));
  }

  /** The final result; UNSPECIFIED while the job runs. */
  get result(): Result {
    return this.#result;
  }

  /**
   * Takes an event. @param row number of the next row of the log
   * @returns whether the server should be told at once
   */
  apply(event: JobEvent, row: number): boolean {
    switch (event.type) {
      case "step-started": {
        const step = this.#steps[event.step];
        if (step !== undefined) Object.assign(step, { startedAt: event.at, logIndex: row, logLength: 0 });
        return true;
      }
      case "line": {
        const step = event.step === null ? undefined : this.#steps[event.step];
        if (step !== undefined) step.logLength = row + 1 - step.logIndex;
        return false;
      }
      case "step-finished": {
        const step = this.#steps[event.step];
        if (step !== undefined) {
          step.result = RESULTS[event.conclusion];
          step.stoppedAt = event.at;
          step.startedAt ??= event.at;
          if (step.logLength === 0) step.logIndex = row;
        }
        return true;
      }
      case "job-finished":
        this.#finish(RESULTS[event.result], event.at);
        return false;
      default:
        return false;
    }
  }

  /** The message for the server. @param final whether the result may be told: only after the last row of the log */
  state(final: boolean): TaskState {
    return create(TaskStateSchema, {
      id: this.#id,
      result: final ? this.#result : Result.UNSPECIFIED,
      startedAt: timestampFromMs(this.#startedAt),
      ...(final && this.#stoppedAt !== undefined ? { stoppedAt: timestampFromMs(this.#stoppedAt) } : {}),
      steps: this.#steps.map(toStepState),
    });
  }

  #finish(result: Result, at: number): void {
    this.#result = result;
    this.#stoppedAt = at;
    for (const step of this.#steps) {
      if (step.result !== Result.UNSPECIFIED) continue;
      step.result = result === Result.SKIPPED ? Result.SKIPPED : Result.CANCELLED;
      if (step.startedAt !== undefined) step.stoppedAt = at;
    }
  }
}

function toStepState(step: StepProgress, index: number): StepState {
  return create(StepStateSchema, {
    id: BigInt(index),
    result: step.result,
    logIndex: BigInt(step.logIndex),
    logLength: BigInt(step.logLength),
    ...(step.startedAt === undefined ? {} : { startedAt: timestampFromMs(step.startedAt) }),
    ...(step.stoppedAt === undefined ? {} : { stoppedAt: timestampFromMs(step.stoppedAt) }),
  });
}
