import type { Executor } from "../../executors/executor.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import { decideJob, type JobDecision } from "../../workflow/decide-job.ts";
import { fromJson } from "../../workflow/expressions/value.ts";
import { needsContext } from "../../workflow/needs-context.ts";
import type { ActionSource } from "../actions/action-source.ts";
import { evaluateContainers, type JobContainers } from "./job-containers.ts";
import { JobControl } from "./job-control.ts";
import type { Emit, Outcome } from "./job-event.ts";
import type { JobRequest } from "./job-request.ts";
import { JobRun } from "./job-run.ts";
import { runStages } from "./job-runner.ts";
import { newJobState } from "./job-state.ts";
import { copyLocalSource } from "./local-source.ts";
import { maskEvents } from "./mask-events.ts";
import { Masker } from "./masker.ts";
import { jobResult, mergeStatus } from "./step-rules.ts";

/** What the engine needs besides the job. */
export interface EngineOptions {
  readonly executor: Executor;
  /** Where actions come from. @default none can be fetched */
  readonly actions?: ActionSource;
  /** Takes the job's events; secrets are replaced already. */
  readonly emit: Emit;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  /** How long `always()` steps may go on after a cancel. @default 5 minutes */
  readonly cancelGraceMs?: number;
  /** Aborts with a KillReason when the job is to end. */
  readonly signal: AbortSignal;
}

const DEFAULT_CANCEL_GRACE_MS = 5 * 60_000;

/**
 * Runs one job from its set-up to its last event, and returns its result. Never throws for what the job, the workflow
 * or the environment does: that becomes rows and a failed job. The engine knows no server; `exec` uses it as it is.
 */
export async function runJob(request: JobRequest, options: EngineOptions): Promise<Outcome> {
  const { clock, logger } = options;
  const masker = new Masker();
  const emit = maskEvents(masker, options.emit);
  for (const value of [...Object.values(request.secrets), ...request.masks]) await emit({ type: "mask", value });
  const line = (text: string) => emit({ type: "line", step: null, text, at: clock.now() });
  let result: Outcome;
  try {
    const decision = decide(request);
    if (decision.kind === "error") {
      await line(`##[error]${decision.message}`);
      result = "failure";
    } else if (decision.kind === "skip") {
      await line("The condition of this job does not hold: it is skipped.");
      result = "skipped";
    } else {
      result = await runInEnvironment(request, options, emit, masker);
    }
  } catch (error) {
    const { code, message } = toAppError(error);
    result = code === "cancelled" || options.signal.aborted ? "cancelled" : "failure";
    if (result === "failure") logger.error({ err: error, job: request.id }, "the job could not be run");
    await line(result === "cancelled" ? "##[error]The operation was canceled." : `##[error]${message}`);
  }
  await emit({ type: "job-finished", result, at: clock.now() });
  return result;
}

/** The server has decided most conditions; older ones of Gitea leave it to the runner when a need did not succeed. */
function decide(request: JobRequest): JobDecision {
  if (request.conditionDecided) return { kind: "run" };
  const contexts = {
    github: fromJson({ ...request.github }),
    inputs: fromJson({ ...request.inputs }),
    vars: fromJson({ ...request.vars }),
    needs: needsContext(new Map([...request.needs].map(([id, outcome]) => [id, [outcome]]))),
  };
  const ancestors = new Map([...request.needs].map(([id, outcome]) => [id, outcome.result]));
  return decideJob(request.job, { contexts, ancestors, runCancelled: false });
}

/** Running such a job beside its container would be worse than not running it. @throws AppError invalid */
function checkCapabilities({ spec }: JobContainers, { name, capabilities }: Executor): void {
  const wanted = [
    spec.container !== undefined && !capabilities.images ? "container" : "",
    spec.services !== undefined && !capabilities.services ? "services" : "",
  ].filter((key) => key !== "");
  if (wanted.length === 0) return;
  throw new AppError(
    "invalid",
    `the job asks for ${wanted.join(" and ")}, which '${name}' does not have: send it to a runner whose label runs containers`,
  );
}

async function runInEnvironment(
  request: JobRequest,
  options: EngineOptions,
  emit: Emit,
  masker: Masker,
): Promise<Outcome> {
  const { clock, executor, ids } = options;
  const containers = evaluateContainers(request);
  checkCapabilities(containers, executor);
  const graceMs = options.cancelGraceMs ?? DEFAULT_CANCEL_GRACE_MS;
  using control = new JobControl(clock, { signal: options.signal, graceMs });
  const state = newJobState();
  const say = (text: string) => emit({ type: "line", step: null, text, at: clock.now() });
  await say("##[group]Set up job");
  await say(`Runner: ${request.runner.name} (version ${request.runner.version}, ${executor.name})`);
  await say(`Job: ${request.job.id}`);
  for (const note of containers.notes) await say(note);
  {
    await using environment = await executor.prepare(
      { id: request.id, repository: String(request.github["repository"] ?? "local/local"), ...containers.spec },
      { signal: control.stopping, log: say },
    );
    const platform = executor.capabilities.platform;
    const run = new JobRun({
      ...{ request, environment, platform, control, state, emit, masker, clock, ids },
      actionSource: options.actions,
    });
    await using _ = run.matchers;
    await say(`Workspace: ${environment.paths.workspace}`);
    if (request.localSource !== undefined) await copyLocalSource(run, request.localSource);
    await say("##[endgroup]");
    await runStages(run);
    await say("##[group]Complete job");
    await say("Cleaning up the environment of the job");
  }
  if (control.stopping.aborted) state.status = mergeStatus(state.status, "cancelled");
  if (control.reason === "timeout") await say("##[error]The job has exceeded its time limit and was stopped.");
  const result = jobResult(state.status, control.reason);
  await say(`Job result: ${result}`);
  await say("##[endgroup]");
  return result;
}
