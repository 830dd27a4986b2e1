import { join } from "node:path";
import type { Executor, KillReason } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import { toAppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import { JOB_SUMMARY_CAPABILITY } from "../protocol/headers.ts";
import { Result, type Task } from "../protocol/messages.ts";
import type { ActionSource } from "./actions/action-source.ts";
import type { RunnerClient } from "./client.ts";
import type { Emit, Outcome } from "./engine/job-event.ts";
import type { JobRequest } from "./engine/job-request.ts";
import { runJob } from "./engine/run-job.ts";
import { chooseExecutor, type ExecutorSet } from "./executor-set.ts";
import type { RunnerLabel } from "./labels.ts";
import type { ReportTiming } from "./report/report-parts.ts";
import { Reporter } from "./report/reporter.ts";
import { SummarySender } from "./report/summary-sender.ts";
import type { RunnerServices } from "./services/runner-services.ts";
import type { ServiceAccess } from "./services/service-job.ts";
import { planTask, type TaskPlan, type TaskPlanOptions } from "./task-plan.ts";

/** What tasks are run with; the same for all tasks of a runner. */
export interface TaskRunnerOptions {
  readonly client: RunnerClient;
  readonly executors: ExecutorSet;
  /** Where actions come from. @default none can be fetched */
  readonly actions?: ActionSource | undefined;
  /** What this runner offers to its jobs. @default nothing */
  readonly services?: RunnerServices | undefined;
  readonly labels: readonly RunnerLabel[];
  readonly plan: TaskPlanOptions;
  readonly timing: ReportTiming;
  /** Take any TLS certificate of the server. */
  readonly insecure: boolean;
  readonly cancelGraceMs: number;
  /** Folder for the rows of jobs whose server is away. */
  readonly spoolFolder: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
}

/**
 * Runs one task from its first report to its last and returns its result. Never rejects: what goes wrong is in the
 * job's log and in the result.
 * @param options.signal aborts with a KillReason when the runner ends its jobs
 * @param options.cancelled aborts when the server wants the task stopped; the answers to reports say so, too
 */
export async function runTask(
  task: Task,
  parts: TaskRunnerOptions,
  options: { signal: AbortSignal; cancelled?: AbortSignal },
): Promise<Outcome> {
  const logger = parts.logger;
  const id = String(task.id);
  const stop = new AbortController();
  const onAbort = () => stop.abort(options.signal.reason);
  if (options.signal.aborted) onAbort();
  options.signal.addEventListener("abort", onAbort, { once: true });
  const onCancel = () => stop.abort("cancelled" satisfies KillReason);
  if (options.cancelled?.aborted) onCancel();
  options.cancelled?.addEventListener("abort", onCancel, { once: true });
  const plan = planSafely(task, parts);
  await using reporter = new Reporter({
    taskId: task.id,
    client: parts.client.runner,
    clock: parts.clock,
    ids: parts.ids,
    logger,
    timing: parts.timing,
    steps: plan.kind === "job" ? plan.request.job.steps.length : plan.steps,
    spoolFile: join(parts.spoolFolder, `task-${id}-${parts.ids.uuid()}.rows`),
    hurry: options.signal,
    onServerResult: (result) => {
      if (stop.signal.aborted) return;
      logger.info({ task: id, result: Result[result] }, "the server ended the task; the job is cancelled");
      stop.abort("cancelled" satisfies KillReason);
    },
  });
  logger.info({ task: id }, "task started");
  const summaries = summarySender(plan, id, parts);
  const emit: Emit = (event) => {
    summaries?.take(event);
    return reporter.emit(event);
  };
  const result = await runPlan(plan, parts, emit, stop.signal);
  await summaries?.finish();
  options.signal.removeEventListener("abort", onAbort);
  options.cancelled?.removeEventListener("abort", onCancel);
  const end = await reporter.finish();
  if (end === "done") logger.info({ task: id, result }, "task finished");
  else logger.error({ task: id, result, end }, "task finished, but the server could not be told everything");
  return result;
}

/** Where the server wants summaries. */
function summarySender(plan: TaskPlan, task: string, parts: TaskRunnerOptions): SummarySender | undefined {
  const { plan: options, insecure, logger } = parts;
  const words = options.serverCapabilities.split(/[\s,]+/);
  if (plan.kind !== "job" || !words.includes(JOB_SUMMARY_CAPABILITY)) return undefined;
  const { ACTIONS_RUNTIME_TOKEN: token = "", GITEA_RUN_ID: runId = "" } = plan.request.fixedEnv;
  return new SummarySender({ instance: options.address.replace(/\/+$/, ""), insecure, runId, token, task, logger });
}

function planSafely(task: Task, { plan, logger }: TaskRunnerOptions): TaskPlan {
  try {
    return planTask(task, plan);
  } catch (error) {
    logger.error({ err: error, task: String(task.id) }, "the task could not be read");
    return { kind: "broken", problems: [toAppError(error).message], steps: 0 };
  }
}

async function runPlan(plan: TaskPlan, parts: TaskRunnerOptions, emit: Emit, signal: AbortSignal): Promise<Outcome> {
  const { clock, ids, logger, cancelGraceMs } = parts;
  if (plan.kind === "broken") return fail(plan.problems, emit, clock);
  try {
    const executor = chooseExecutor(parts.executors, parts.labels, plan.runsOn);
    // a task that is offered again after a restart must not meet the folders of its first life
    const id = `${plan.request.id}-${ids.uuid().slice(0, 8)}`;
    using access = await beginServices(plan.request, executor, parts.services);
    const request = { ...plan.request, id, fixedEnv: { ...plan.request.fixedEnv, ...access?.env } };
    const actions = parts.actions === undefined ? {} : { actions: parts.actions };
    return await runJob(request, { executor, ...actions, emit, clock, ids, logger, cancelGraceMs, signal });
  } catch (error) {
    logger.error({ err: error, job: plan.request.id }, "the job could not be run");
    return fail([toAppError(error).message], emit, clock);
  }
}

async function beginServices(
  { fixedEnv, github, job }: JobRequest,
  executor: Executor,
  services: RunnerServices | undefined,
): Promise<ServiceAccess | undefined> {
  const token = fixedEnv["ACTIONS_RUNTIME_TOKEN"];
  if (services === undefined || !token) return undefined;
  return await services.begin({ token, github, inContainer: executor.name !== "host" || job.container !== undefined });
}

async function fail(problems: readonly string[], emit: Emit, clock: Clock): Promise<Outcome> {
  for (const problem of problems)
    await emit({ type: "line", step: null, text: `##[error]${problem}`, at: clock.now() });
  await emit({ type: "job-finished", result: "failure", at: clock.now() });
  return "failure";
}
