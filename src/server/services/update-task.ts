import { AppError } from "../../lib/errors.ts";
import { type Conclusion, isConclusion } from "../domain/run.ts";
import type { Task, TaskStep } from "../domain/task.ts";
import type { WriteTables } from "../storage/store.ts";
import type { OpenTask, OpenTasks } from "./open-tasks.ts";
import { isOwnEnd, type TaskChanges } from "./task-changes.ts";

const LONGEST_KEY_BYTES = 255;
const LONGEST_VALUE_BYTES = 1024 * 1024;
/**
 * Most bytes of all outputs of a task, as JSON: they are one value of the job's row, which has to fit into a statement
 * (16 MiB by MariaDB's default, and each backslash counts twice), and GitHub allows a job 1 MiB.
 */
const MOST_BYTES = 4 * 1024 * 1024;

/** State of a step in a report; null where the runner did not say. */
export type ReportedStep = Pick<TaskStep, "index" | "logIndex" | "logLength" | "startedAt" | "stoppedAt"> & {
  readonly result: Conclusion | null;
};

/** A runner's report on a task. */
export interface TaskReport {
  readonly taskId: number;
  /** Ends the task; null while it runs. */
  readonly result: Conclusion | null;
  readonly steps: readonly ReportedStep[];
  /** Outputs that the runner has not seen in `sentOutputs` yet. */
  readonly outputs: Readonly<Record<string, string>>;
}

/** The answer to a report. */
export interface TaskAnswer {
  /** Set when the task has ended, or has to be ended by the runner. */
  readonly result: Conclusion | null;
  /** Keys that the runner need not send again: those that are stored, and those that never will be. */
  readonly sentOutputs: readonly string[];
}

/** Takes the reports of runners on their tasks (UpdateTask, reference/protocol.md §3.8). */
export class UpdateTask {
  readonly #openTasks: OpenTasks;
  readonly #changes: TaskChanges;
  readonly #resultCame: (runnerId: number, task: Task) => void;

  constructor(deps: {
    readonly openTasks: OpenTasks;
    readonly changes: TaskChanges;
    /** A runner is done with a task, also when its result came too late to count. */
    readonly resultCame: (runnerId: number, task: Task) => void;
  }) {
    this.#openTasks = deps.openTasks;
    this.#changes = deps.changes;
    this.#resultCame = deps.resultCame;
  }

  /**
   * Stores a report. Repeated and late ones change nothing; the first result counts.
   * @throws AppError not_found for a task that does not exist or is another runner's
   */
  async report(runnerId: number, report: TaskReport): Promise<TaskAnswer> {
    const rejected: string[] = [];
    const outputs = acceptable(report.outputs, rejected);
    const open = this.#openTasks.get(report.taskId);
    // Before it has a turn in another's run.
    if (open !== undefined && open.task.runnerId !== runnerId) throw unknownTask(report.taskId);
    if (open !== undefined && this.#isHeartbeat(open, report, outputs)) {
      this.#openTasks.heartbeat(open);
      return { result: answeredResult(open.task), sentOutputs: [...(open.outputKeys ?? []), ...rejected] };
    }
    const { task, keys } = await this.#write(runnerId, report, outputs);
    return { result: answeredResult(task), sentOutputs: [...keys, ...rejected] };
  }

  /** Whether the report says nothing that is not known; then no transaction is needed. */
  #isHeartbeat(open: OpenTask, report: TaskReport, outputs: Readonly<Record<string, string>>): boolean {
    if (report.result !== null || open.task.acknowledgedAt === null || open.outputKeys === undefined) return false;
    if (open.task.status === "cancelling" && open.task.cancelSentAt === null) return false;
    for (const key of Object.keys(outputs)) if (!open.outputKeys.has(key)) return false;
    return mergedSteps(open.task.steps, report.steps) === open.task.steps;
  }

  async #write(
    runnerId: number,
    report: TaskReport,
    outputs: Readonly<Record<string, string>>,
  ): Promise<{ readonly task: Task; readonly keys: readonly string[] }> {
    const { change, keys } = await this.#changes.inTurn(report.taskId, async (tx) => {
      const task = await this.#changes.locked(tx, report.taskId);
      if (task === undefined || task.runnerId !== runnerId) throw unknownTask(report.taskId);
      // Outputs that come after the end are not stored, since the jobs that need them have begun; they are listed so that the runner stops.
      const late = isConclusion(task.status);
      const tooMuch = late ? [] : await addOutputs(tx, task.id, outputs);
      const steps = mergedSteps(task.steps, report.steps);
      const { result } = report;
      const event =
        result === null ? ({ type: "reported", steps } as const) : ({ type: "finished", result, steps } as const);
      const reported = await this.#changes.write(tx, task, event, null);
      const sent =
        reported.task.status === "cancelling" && reported.task.cancelSentAt === null
          ? await this.#changes.write(tx, reported.task, { type: "cancel-sent" }, null)
          : reported;
      const stored = await tx.tasks.outputKeys(task.id);
      // Those that are not stored are listed, too, so that the runner does not send them again.
      const keys = late ? [...new Set([...stored, ...Object.keys(outputs)])] : [...stored, ...tooMuch];
      return { change: sent, keys };
    });
    // First, so that its stream need not tell the runner of an end that it has just told us.
    if (report.result !== null) this.#resultCame(runnerId, change.task);
    this.#changes.apply(change);
    const open = this.#openTasks.get(report.taskId);
    if (open !== undefined) {
      open.outputKeys = new Set(keys);
      this.#openTasks.heartbeat(open);
    }
    return { task: change.task, keys };
  }
}

/** What a runner is told: how the task ended by its own result; `cancelled` to stop it, which every runner understands. */
function answeredResult(task: Task): Conclusion | null {
  if (task.status === "running") return null;
  if (task.status === "cancelling" || !isOwnEnd(task)) return "cancelled";
  return task.status;
}

/** Stores the outputs for which there is room. @returns the names of the others */
async function addOutputs(
  tx: WriteTables,
  taskId: number,
  outputs: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  if (Object.keys(outputs).length === 0) return [];
  const stored = await tx.tasks.outputs(taskId);
  const added: Record<string, string> = {};
  const tooMuch: string[] = [];
  let bytes = Buffer.byteLength(JSON.stringify(stored));
  for (const [key, value] of Object.entries(outputs)) {
    if (key in stored) continue;
    const more = Buffer.byteLength(JSON.stringify({ [key]: value }));
    if (bytes + more > MOST_BYTES) tooMuch.push(key);
    else {
      added[key] = value;
      bytes += more;
    }
  }
  if (Object.keys(added).length > 0) await tx.tasks.addOutputs(taskId, added);
  return tooMuch;
}

function acceptable(outputs: Readonly<Record<string, string>>, rejected: string[]): Readonly<Record<string, string>> {
  const accepted: Record<string, string> = {};
  for (const [key, value] of Object.entries(outputs)) {
    if (Buffer.byteLength(key) > LONGEST_KEY_BYTES || Buffer.byteLength(value) > LONGEST_VALUE_BYTES)
      rejected.push(key);
    else accepted[key] = value;
  }
  return accepted;
}

/** The steps with the reported states; the same list when nothing changed. Steps that the task does not have are ignored. */
function mergedSteps(steps: readonly TaskStep[], reported: readonly ReportedStep[]): readonly TaskStep[] {
  let merged: TaskStep[] | undefined;
  for (const report of reported) {
    const step = steps[report.index];
    if (step === undefined) continue;
    const status = report.result ?? (report.startedAt === null ? "waiting" : "running");
    const { logIndex, logLength, startedAt, stoppedAt } = report;
    const same =
      step.status === status &&
      step.logIndex === logIndex &&
      step.logLength === logLength &&
      step.startedAt === startedAt &&
      step.stoppedAt === stoppedAt;
    if (same) continue;
    merged ??= [...steps];
    merged[report.index] = { ...step, status, logIndex, logLength, startedAt, stoppedAt };
  }
  return merged ?? steps;
}

/** The answer for a task that the runner does not have; it does not tell whether another one has it. */
export function unknownTask(taskId: number): AppError {
  return new AppError("not_found", `this runner has no task ${taskId}`);
}
