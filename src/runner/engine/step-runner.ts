import type { KillReason } from "../../executors/executor.ts";
import { toAppError } from "../../lib/errors.ts";
import {
  evaluateBoolean,
  evaluateCondition,
  evaluateMapping,
  evaluateNumber,
  evaluateText,
} from "../../workflow/evaluate-template.ts";
import type { Step } from "../../workflow/model.ts";
import type { Outcome } from "./job-event.ts";
import type { JobRun } from "./job-run.ts";
import { prependPaths } from "./job-state.ts";
import { ActiveStage } from "./stage-scope.ts";
import type { RunStage, Stage, StageEnd, StepHandler } from "./step-handler.ts";
import {
  concludeStep,
  decideStep,
  type Evaluated,
  type StopReason,
  statusAfter,
  survivesCancel,
} from "./step-rules.ts";

/** A step of a job with what outlives its stages. */
export interface PlannedStep {
  readonly step: Step;
  readonly handler: StepHandler;
  /** STATE_…, kept from `pre` to `post`. */
  readonly saved: Map<string, string>;
}

/** Longest limit of a timer; more means no limit. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_STEP_MINUTES = 360;

/** Runs the main stage of a step, as §3.10 of the semantics reference has it. Returns whether it was started. */
export async function runStep(run: JobRun, planned: PlannedStep): Promise<boolean> {
  const { step } = planned;
  const { state, emit, clock } = run.parts;
  const env = await stepEnv(run, step);
  const condition = env.ok ? await holds(run, step, env.value) : ({ ok: true, value: true } as const);
  const decision = decideStep(env, condition);
  if (decision.kind === "skip" || run.parts.control.killing.aborted) {
    const outcome = decision.kind === "skip" ? "skipped" : "cancelled";
    await finish(run, step, outcome, outcome, new Map());
    return false;
  }
  await emit({ type: "step-started", step: step.index, name: await stepName(run, step), at: clock.now() });
  if (decision.kind === "fail") {
    await run.lines(step.index, decision.message, "##[error]");
    state.status = statusAfter(state.status, "failure");
    await finish(run, step, "failure", "failure", new Map());
    return false;
  }
  const stage = await runStage(run, planned, "main", planned.handler.main, env.ok ? env.value : new Map());
  const conclusion = await conclude(run, step, stage.outcome, env.ok ? env.value : new Map());
  state.status = statusAfter(state.status, conclusion);
  await finish(run, step, stage.outcome, conclusion, stage.outputs);
  return true;
}

/** Runs the `pre` or `post` stage of a step; its failure fails the job. */
export async function runOuterStage(
  run: JobRun,
  planned: PlannedStep,
  stage: "pre" | "post",
  work: RunStage,
): Promise<void> {
  const { state, control } = run.parts;
  if (control.killing.aborted) return;
  const env = await stepEnv(run, planned.step);
  const label = stage === "pre" ? "Pre" : "Post";
  await run.line(null, `${label} ${await stepName(run, planned.step)}`);
  const { outcome } = await runStage(run, planned, stage, work, env.ok ? env.value : new Map());
  state.status = statusAfter(state.status, outcome);
}

/** Runs one stage to its end: limits it, reads its files, applies what it set. */
async function runStage(
  run: JobRun,
  planned: PlannedStep,
  stage: Stage,
  work: RunStage,
  env: ReadonlyMap<string, string>,
): Promise<{ outcome: Outcome; outputs: ReadonlyMap<string, string> }> {
  const { step } = planned;
  const row = stage === "main" ? step.index : null;
  const limit = await timeoutMinutes(run, step, env);
  if (!limit.ok) {
    await run.lines(row, limit.message, "##[error]");
    return { outcome: "failure", outputs: new Map() };
  }
  using stop = new StageStop(run, limit.value, stage === "main" ? () => holds(run, step, env) : undefined);
  const active = new ActiveStage({
    run,
    step,
    stage,
    stepEnv: env,
    saved: planned.saved,
    signal: stop.signal,
    stopReason: () => stop.reason,
    limitMinutes: limit.value,
  });
  const end = await settle(work, active, stop);
  await collect(active);
  if (end.message !== undefined) await run.lines(row, end.message, "##[error]");
  for (const failure of active.changes.failures) await run.lines(row, failure, "##[error]");
  apply(run, active);
  if (active.changes.summary !== "") {
    await run.parts.emit({ type: "summary", step: step.index, markdown: active.changes.summary });
  }
  const outcome = end.outcome === "success" && active.changes.failures.length > 0 ? "failure" : end.outcome;
  return { outcome, outputs: active.changes.outputs };
}

/** A stage that throws has failed; the engine goes on. */
async function settle(work: RunStage, active: ActiveStage, stop: StageStop): Promise<StageEnd> {
  try {
    return await work(active);
  } catch (error) {
    if (stop.reason === "step-timeout") return active.end({ kind: "killed", reason: "timeout" });
    if (stop.reason !== undefined) return active.end({ kind: "killed", reason: stop.reason });
    return { outcome: "failure", message: toAppError(error).message };
  }
}

async function collect(active: ActiveStage): Promise<void> {
  try {
    await active.collectFiles();
  } catch (error) {
    active.changes.failures.push(`Unable to read the step's command files: ${toAppError(error).message}`);
  }
}

function apply(run: JobRun, { changes }: ActiveStage): void {
  const { state } = run.parts;
  for (const [name, value] of changes.env) state.env.set(name, value);
  state.path = prependPaths(state.path, changes.path);
}

/**
 * Ends a stage: at its time limit, at the end of the grace period, and when the job is to end and the step's condition
 * no longer holds.
 */
class StageStop implements Disposable {
  readonly #controller = new AbortController();
  readonly #stack = new DisposableStack();
  #reason: StopReason | undefined;

  constructor(run: JobRun, limitMinutes: number, condition: (() => Promise<Evaluated<boolean>>) | undefined) {
    const { control, clock } = run.parts;
    const ms = limitMinutes * 60_000;
    if (ms <= MAX_TIMER_MS) this.#stack.use(clock.timer(ms, () => this.#stop("step-timeout")));
    this.#listen(control.killing, () => this.#stop(control.reason ?? "cancelled"));
    // a post stage always runs to its end, and a step that starts after the cancel was asked already
    if (condition === undefined || control.stopping.aborted) return;
    this.#listen(control.stopping, () => {
      run.parts.state.status = statusAfter(run.parts.state.status, "cancelled");
      void condition().then(
        (holds) => (survivesCancel(holds) ? undefined : this.#stop(control.reason ?? "cancelled")),
        () => this.#stop(control.reason ?? "cancelled"),
      );
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): StopReason | undefined {
    return this.#reason;
  }

  #listen(signal: AbortSignal, listener: () => void): void {
    if (signal.aborted) {
      listener();
      return;
    }
    signal.addEventListener("abort", listener, { once: true });
    this.#stack.defer(() => signal.removeEventListener("abort", listener));
  }

  #stop(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller.abort((reason === "step-timeout" ? "timeout" : reason) satisfies KillReason);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

async function stepEnv(run: JobRun, { env }: Step): Promise<Evaluated<ReadonlyMap<string, string>>> {
  if (env === undefined) return { ok: true, value: new Map() };
  const context = run.context(run.parts.state.env);
  const entries = await run.evaluate(context, (inner) => evaluateMapping(env, inner));
  return entries.ok ? { ok: true, value: new Map(entries.value) } : entries;
}

function visible(run: JobRun, env: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...run.parts.state.env, ...env]);
}

async function holds(run: JobRun, step: Step, env: ReadonlyMap<string, string>): Promise<Evaluated<boolean>> {
  const condition = step.if;
  if (condition === undefined) return { ok: true, value: run.parts.state.status === "success" };
  return run.evaluate(run.context(visible(run, env)), (context) => evaluateCondition(condition, context));
}

async function timeoutMinutes(run: JobRun, step: Step, env: ReadonlyMap<string, string>): Promise<Evaluated<number>> {
  const template = step.timeoutMinutes;
  if (template === undefined) return { ok: true, value: DEFAULT_STEP_MINUTES };
  const minutes = await run.evaluate(run.context(visible(run, env)), (context) => evaluateNumber(template, context));
  return minutes.ok && minutes.value <= 0 ? { ok: true, value: DEFAULT_STEP_MINUTES } : minutes;
}

/** `continue-on-error` is read after the failure, with the step's own results not yet in the contexts. */
async function conclude(run: JobRun, step: Step, outcome: Outcome, env: ReadonlyMap<string, string>): Promise<Outcome> {
  const template = step.continueOnError;
  if (template === undefined || outcome !== "failure") return outcome;
  const allowed = await run.evaluate(run.context(visible(run, env)), (context) => evaluateBoolean(template, context));
  if (!allowed.ok) await run.lines(step.index, allowed.message, "##[error]");
  return concludeStep(outcome, allowed.ok && allowed.value);
}

/** The name that is shown: evaluated just before the step; a name that cannot be is shown as it stands. */
async function stepName(run: JobRun, step: Step): Promise<string> {
  const template = step.name ?? step.run;
  if (template === undefined) return `Run ${step.uses ?? ""}`;
  const text = await run.evaluate(run.context(run.parts.state.env), (context) => evaluateText(template, context));
  const first = (text.ok ? text.value : "").trim().split(/\r?\n/, 1)[0] ?? "";
  if (step.name !== undefined && first !== "") return first;
  return first === "" ? `Step ${step.index + 1}` : `Run ${first}`;
}

async function finish(
  run: JobRun,
  step: Step,
  outcome: Outcome,
  conclusion: Outcome,
  outputs: ReadonlyMap<string, string>,
): Promise<void> {
  if (step.id !== undefined) run.parts.state.steps.set(step.id, { outputs, outcome, conclusion });
  await run.parts.emit({ type: "step-finished", step: step.index, outcome, conclusion, at: run.parts.clock.now() });
}
