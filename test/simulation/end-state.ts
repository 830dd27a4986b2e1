import { isConclusion, type Job } from "../../src/server/domain/run.ts";
import type { Task } from "../../src/server/domain/task.ts";
import { deriveRunStatus } from "../../src/server/services/run-status-update.ts";
import { isOwnEnd } from "../../src/server/services/task-changes.ts";
import type { MemoryDatabase } from "../support/memory-store/memory-database.ts";
import type { Execution, Executions } from "./executions.ts";
import type { Invariants } from "./invariants.ts";
import type { Replica } from "./replica.ts";
import type { SimRunner } from "./sim-runner.ts";

/** What is looked at when all faults are healed and time has gone on. */
export interface EndState {
  readonly database: MemoryDatabase;
  readonly executions: Executions;
  readonly invariants: Invariants;
  readonly replicas: readonly Replica[];
  readonly runners: readonly SimRunner[];
}

const LINE = /^x\d+ line /;

/** What must hold in the end: everything has ended, by one execution, with its whole log. */
export function checkEnd(end: EndState): void {
  const { database, invariants } = end;
  for (const { run } of database.table("run").values()) {
    const jobs = [...database.table("job").values()].filter((job) => job.runId === run.id);
    if (!isConclusion(run.status)) invariants.breach(`run ${run.id} is stuck: ${run.status}`);
    else if (deriveRunStatus(jobs) !== run.status)
      invariants.breach(`run ${run.id} is ${run.status}, its jobs say ${deriveRunStatus(jobs)}`);
  }
  for (const job of database.table("job").values()) checkJob(end, job);
  for (const { task } of database.table("task").values()) checkTask(end, task);
  checkEphemeral(end);
  checkTokens(end);
  for (const execution of end.executions.live())
    invariants.breach(`${execution.id} of task ${execution.taskId} still runs in ${execution.process.name}`);
  for (const { started } of end.replicas) checkMemory(end, started);
}

function checkJob({ database, executions, invariants }: EndState, job: Job): void {
  if (!isConclusion(job.status)) {
    const tasks = [...database.table("task").values()].filter(({ task }) => task.jobId === job.id);
    const states = tasks.map(({ task }) => `${task.id} ${task.status}/${task.cause}`).join(", ");
    invariants.breach(`job ${job.id} (${job.key}) is stuck: ${job.status}; tasks: ${states}`);
    return;
  }
  if (job.status !== "success" && job.status !== "failure") return;
  if (job.cause !== "done" && job.cause !== "failed") return;
  const task = database.table("task").get(job.taskId ?? 0)?.task;
  if (task === undefined) return;
  if (task.status !== job.status) invariants.breach(`job ${job.id} is ${job.status}, its task ${task.status}`);
  const accepted = executions.ofTask(task.id).find(({ id }) => id === job.outputs["execution"]);
  if (accepted === undefined) {
    const known = executions.ofTask(task.id).map(({ id }) => id);
    invariants.breach(`the outputs of job ${job.id} are of ${job.outputs["execution"]}, not one of ${known}`);
    return;
  }
  const succeeded = accepted.exits.every((code) => code === 0);
  if (succeeded !== (job.status === "success"))
    invariants.breach(`job ${job.id} is ${job.status}, but ${accepted.id} ended with ${accepted.exits}`);
}

function checkTask({ database, executions, invariants }: EndState, task: Task): void {
  if (!isConclusion(task.status)) invariants.breach(`task ${task.id} is stuck: ${task.status}`);
  const log = database.logs.get(task.id);
  const rows = (log?.rows ?? []).map(({ content }) => content);
  if (rows.some((row) => row.includes("row was lost by the server")))
    invariants.breach(`rows of task ${task.id} were lost`);
  const lines = rows.filter((row) => LINE.test(row));
  const ran = executions.ofTask(task.id);
  const complete = isOwnEnd(task) && task.status !== "cancelled";
  if (complete && log?.finished !== true) invariants.breach(`the log of task ${task.id} was not finished`);
  if (ran.some((execution) => isLogOf(execution, lines, complete))) return;
  if (lines.length === 0 && !complete) return;
  const printed = ran.map(({ id, lines: all }) => `${id}: ${all.length}`).join(", ");
  invariants.breach(
    `the log of task ${task.id} (${lines.length} lines: ${lines.at(0)}…${lines.at(-1)}) is not that of one execution (${printed})`,
  );
}

function isLogOf(execution: Execution, lines: readonly string[], complete: boolean): boolean {
  if (complete && lines.length !== execution.lines.length) return false;
  return lines.every((line, index) => line === execution.lines[index]);
}

/** An ephemeral runner runs one task; one that it never spoke of does not count. */
function checkEphemeral({ database, executions, invariants }: EndState): void {
  for (const { runner } of database.table("runner").values()) {
    if (!runner.ephemeral) continue;
    const tasks = [...database.table("task").values()].flatMap(({ task }) =>
      task.runnerId === runner.id ? [task] : [],
    );
    const taken = tasks.filter(({ cause, acknowledgedAt }) => cause !== "not_acknowledged" && acknowledgedAt !== null);
    if (taken.length > 1)
      invariants.breach(`the ephemeral runner ${runner.name} ran tasks ${taken.map(({ id }) => id)}`);
    if (taken.length > 0 && runner.deletedAt === null)
      invariants.breach(`the ephemeral runner ${runner.name} is still there after its task`);
    const begun = new Set(
      executions.all.filter((execution) => execution.runner === runner.name).map(({ taskId }) => taskId),
    );
    const refused = new Set(tasks.filter(({ cause }) => cause === "not_acknowledged").map(({ id }) => id));
    if ([...begun].filter((id) => !refused.has(id)).length > 1)
      invariants.breach(`the ephemeral runner ${runner.name} began tasks ${[...begun]}`);
  }
}

/** A runner that is there is refused only where its old token had to end, and has one that works on its disk. */
function checkTokens({ database, invariants, runners }: EndState): void {
  for (const { identity, name, refused } of runners) {
    const row = database.table("runner").get(identity.id);
    if (row === undefined || row.runner.deletedAt !== null || invariants.outOfTime.has(name)) continue;
    if (refused) invariants.breach(`${name} was refused, though it has a token that works`);
    const mac = invariants.mac(identity.token);
    if (mac !== row.verifier.mac && mac !== row.next?.mac) invariants.breach(`the token of ${name} was lost`);
  }
}

/** Memory is a hint; but one that never becomes right is a leak. */
function checkMemory({ invariants }: EndState, started: Replica["started"]): void {
  if (started === undefined) {
    invariants.breach("a server is down in the end");
    return;
  }
  const { openTasks, dispatcher } = started.services;
  if (openTasks.size > 0) invariants.breach(`${started.process.name} thinks that ${openTasks.size} tasks are open`);
  if (dispatcher.counts.waitingJobs > 0)
    invariants.breach(`${started.process.name} thinks that ${dispatcher.counts.waitingJobs} jobs wait`);
}
