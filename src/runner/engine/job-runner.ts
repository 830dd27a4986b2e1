import { evaluateMapping, evaluateNumber } from "../../workflow/evaluate-template.ts";
import type { MappingTemplate, Template } from "../../workflow/model.ts";
import { runHook } from "./job-hooks.ts";
import type { JobRun } from "./job-run.ts";
import { planSteps } from "./step-handlers.ts";
import { mergeStatus, statusAfter } from "./step-rules.ts";
import { type PlannedStep, runOuterStage, runStep } from "./step-runner.ts";

/** Largest output that Gitea's server keeps, and the longest name. */
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_OUTPUT_NAME_BYTES = 255;
/** Longest time a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs the stages of a job whose environment stands: `pre` in order, the steps, `post` in reverse, then the outputs.
 * What became of it is in the state. @throws AppError when an action cannot be had, or for faults of the environment
 */
export async function runStages(run: JobRun): Promise<void> {
  const { request, state, control } = run.parts;
  if (!(await setUpEnv(run))) state.status = "failure";
  const steps = await planSteps(run, request.job.steps, run.frame);
  const posts: PlannedStep[] = [];
  await runHook(run, "started");
  for (const planned of steps) {
    if (await runOuterStage(run, run.frame, planned, "pre")) posts.unshift(planned);
  }
  for (const planned of steps) {
    noteStop(run);
    const started = await runStep(run, run.frame, planned);
    if (started && !posts.includes(planned)) posts.unshift(planned);
  }
  noteStop(run);
  for (const planned of posts) await runOuterStage(run, run.frame, planned, "post");
  await runHook(run, "completed");
  noteStop(run);
  if (!control.killing.aborted) await emitOutputs(run);
}

/** A cancel between two steps reaches the job's status here. */
function noteStop({ parts: { control, state } }: JobRun): void {
  if (control.stopping.aborted) state.status = mergeStatus(state.status, "cancelled");
}

/** Sets the job's time limit, writes the event, and evaluates the `env` of the workflow and the job. */
async function setUpEnv(run: JobRun): Promise<boolean> {
  const { request, control, environment } = run.parts;
  const minutes = await jobMinutes(run, "timeout-minutes", request.job.timeoutMinutes);
  const cancelMinutes = await jobMinutes(run, "cancel-timeout-minutes", request.job.cancelTimeoutMinutes);
  if (cancelMinutes !== undefined) control.setGrace(Math.min(cancelMinutes * 60_000, MAX_TIMER_MS));
  control.limit(
    Math.min(request.timeoutMs, minutes === undefined ? request.timeoutMs : minutes * 60_000, MAX_TIMER_MS),
  );
  await environment.writeFile(
    String(run.github["event_path"]),
    `${JSON.stringify(request.github["event"] ?? {}, null, 2)}\n`,
  );
  for (const mapping of [request.workflow.env, request.job.env]) {
    if (mapping !== undefined && !(await addEnv(run, mapping))) return false;
  }
  return true;
}

async function addEnv(run: JobRun, mapping: MappingTemplate): Promise<boolean> {
  const { state } = run.parts;
  const entries = await run.evaluate(run.context(run.frame), (context) => evaluateMapping(mapping, context));
  if (!entries.ok) {
    await run.lines(null, entries.message, "##[error]");
    return false;
  }
  for (const [name, value] of entries.value) state.env.set(name, value);
  return true;
}

async function jobMinutes(run: JobRun, key: string, template: Template | undefined): Promise<number | undefined> {
  if (template === undefined) return undefined;
  const minutes = await run.evaluate(run.context(run.frame), (context) => evaluateNumber(template, context));
  if (!minutes.ok) await run.lines(null, `The job's ${key} is ignored: ${minutes.message}`, "##[warning]");
  return minutes.ok && minutes.value > 0 ? minutes.value : undefined;
}

/** Evaluates the job's outputs; one that holds a secret, or that a server would not keep, is dropped with a warning. */
async function emitOutputs(run: JobRun): Promise<void> {
  const { request, state, masker, emit } = run.parts;
  const { outputs } = request.job;
  if (outputs === undefined) return;
  const entries = await run.evaluate(run.context(run.frame), (context) => evaluateMapping(outputs, context));
  if (!entries.ok) {
    await run.lines(null, `The outputs of the job cannot be evaluated: ${entries.message}`, "##[error]");
    state.status = statusAfter(state.status, "failure");
    return;
  }
  for (const [name, value] of entries.value) {
    if (value === "") continue;
    if (masker.contains(value)) {
      await run.line(null, `##[warning]Skip output '${name}' since it may contain secret.`);
    } else if (Buffer.byteLength(value) > MAX_OUTPUT_BYTES || Buffer.byteLength(name) > MAX_OUTPUT_NAME_BYTES) {
      await run.line(
        null,
        `##[warning]Skip output '${name}': it is larger than 1 MiB, or its name is longer than 255 bytes.`,
      );
    } else {
      await emit({ type: "output", name, value });
    }
  }
}
