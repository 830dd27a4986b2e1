import type { Clock } from "../../lib/clock.ts";
import type { Repository } from "../domain/account.ts";
import { isConclusion, type Job, type Run } from "../domain/run.ts";
import type { TaskStep } from "../domain/task.ts";
import type { Jobs, JobView } from "./jobs.ts";
import type { NumberedRow, RunLogs } from "./run-logs.ts";
import type { Runs } from "./runs.ts";

/** Something new about a run. */
export type RunChange =
  | { readonly kind: "run"; readonly run: Run }
  | { readonly kind: "job"; readonly view: JobView }
  | { readonly kind: "step"; readonly jobId: number; readonly step: TaskStep }
  /** `taskId` changes when the job is given to another runner; its rows then begin at 0 again. */
  | { readonly kind: "rows"; readonly jobId: number; readonly taskId: number; readonly rows: readonly NumberedRow[] };

/** Where the watcher has got to, by task: rows before it are not told again. Moved on by the watcher before it tells the rows. */
export type RowMarks = Map<number, number>;

/** How often the state is looked at; the database is the truth, so it holds for every replica. */
const LOOK_MS = 250;
/** A task that has ended may be sent the rest of its log for so long. */
const LATE_ROWS_MS = 5_000;
/** Most rows in one change. */
const BATCH = 500;

interface Sources {
  readonly runs: Runs;
  readonly jobs: Jobs;
  readonly logs: RunLogs;
  readonly clock: Clock;
}

/**
 * Tells everything about a run: first how it stands, then what changes, until it has ended and all logs are read.
 * The end of a job is told after its last row.
 */
export async function* watchRun(
  sources: Sources,
  repository: Repository,
  runId: number,
  signal: AbortSignal,
  marks: RowMarks,
): AsyncGenerator<RunChange> {
  const told = new Map<string, string>();
  const isNew = (key: string, state: unknown): boolean => {
    const text = JSON.stringify(state);
    if (told.get(key) === text) return false;
    told.set(key, text);
    return true;
  };
  for (;;) {
    signal.throwIfAborted();
    // The run is read before its jobs: when it has ended, the jobs read afterwards are final.
    const run = await sources.runs.get(repository, runId);
    const jobs = await sources.jobs.plainOfRun(run.id);
    let complete = true;
    if (!isConclusion(run.status) && isNew("run", stateOf(run))) yield { kind: "run", run };
    for (const job of jobs) {
      // Most jobs of a large run have ended or wait: they cost nothing.
      if (
        told.get(`job:${job.id}`) === JSON.stringify(summary(job)) &&
        job.status !== "running" &&
        job.status !== "cancelling"
      )
        continue;
      const view = await sources.jobs.view(job, run);
      const { task } = view;
      for (const step of task?.steps ?? []) {
        if (isNew(`step:${task?.id}:${step.index}`, [step.status, step.logLength > 0 || isConclusion(step.status)])) {
          yield { kind: "step", jobId: job.id, step };
        }
      }
      const caughtUp = yield* newRows(sources, view, marks, signal);
      if (isConclusion(job.status) && !caughtUp) complete = false;
      else if (isNew(`job:${job.id}`, summary(job))) yield { kind: "job", view };
    }
    if (isConclusion(run.status) && complete) {
      yield { kind: "run", run };
      return;
    }
    await sources.clock.sleep(LOOK_MS, { signal });
  }
}

/** What is told anew when it changes. */
function summary(job: Job): unknown {
  return [job.status, job.attempt, job.name, job.taskId, job.message];
}

function stateOf(run: Run): unknown {
  return [run.status, run.attempt];
}

/** The rows that came; returns whether no more can come. */
async function* newRows(
  { logs, clock }: Sources,
  { job, task }: JobView,
  marks: RowMarks,
  signal: AbortSignal,
): AsyncGenerator<RunChange, boolean> {
  if (task === undefined) return true;
  const over =
    isConclusion(task.status) &&
    ((await logs.state(task.id)).finished || clock.now() - (task.stoppedAt ?? 0) > LATE_ROWS_MS);
  let rows: NumberedRow[] = [];
  for await (const row of logs.rows(task.id, { from: marks.get(task.id) ?? 0, signal })) {
    rows.push(row);
    if (rows.length < BATCH) continue;
    marks.set(task.id, row.index + 1);
    yield { kind: "rows", jobId: job.id, taskId: task.id, rows };
    rows = [];
  }
  const last = rows.at(-1);
  if (last !== undefined) {
    marks.set(task.id, last.index + 1);
    yield { kind: "rows", jobId: job.id, taskId: task.id, rows };
  }
  return over;
}
