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
import type { StepFrame } from "./step-frame.ts";
import type { RunStage, Stage, StageEnd, StepHandler } from "./step-handler.ts";
import {
  concludeStep,
  decideStep,
  type Evaluated,
  type StopReason,
  statusAfter,
  survivesCancel,
} from "./step-rules.ts";

/** A step with what outlives its stages. */
export interface PlannedStep {
  readonly step: Step;
  /** Known from the set-up of the job on; for an action of the workspace, from its main stage on. */
  handler: StepHandler | undefined;
  /** Finds the handler of an action of the workspace. */
  readonly load: () => Promise<StepHandler>;
  /** STATE_…, kept from `pre` to `post`. */
  readonly saved: Map<string, string>;
  /** Row above `pre` and `post`. @default the step's name */
  readonly title?: string;
}

/** Longest limit of a timer; more means no limit. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_STEP_MINUTES = 360;

/** Runs the main stage of a step, as §3.10 of the semantics reference has it. Returns whether it was started. */
export async function runStep(run: JobRun, frame: StepFrame, planned: PlannedStep): Promise<boolean> {
  const { step } = planned;
  const place: Place = { run, frame, step };
  const env = await stepEnv(place);
  const values = env.ok ? env.value : NO_ENV;
  const condition = env.ok ? await holds(place, values) : ({ ok: true, value: true } as const);
  const decision = decideStep(env, condition);
  const stopped = run.parts.control.killing.aborted || frame.enclosing?.signal.aborted === true;
  if (decision.kind === "skip" || stopped) {
    const outcome = decision.kind === "skip" ? "skipped" : "cancelled";
    await finish(place, outcome, outcome, new Map());
    return false;
  }
  await started(place);
  if (decision.kind === "fail") {
    await run.lines(rowOf(place, "main"), decision.message, "##[error]");
    worsen(place, "failure");
    await finish(place, "failure", "failure", new Map());
    return false;
  }
  const work: RunStage = async (scope) => {
    planned.handler ??= await planned.load();
    return planned.handler.main(scope);
  };
  const stage = await runStage(place, planned, "main", work, values);
  const conclusion = await conclude(place, stage.outcome, values);
  worsen(place, conclusion);
  await finish(place, stage.outcome, conclusion, stage.outputs);
  return true;
}

/** Runs the `pre` or `post` stage of a step where its condition holds; its failure fails the job. Returns whether it ran. */
export async function runOuterStage(
  run: JobRun,
  frame: StepFrame,
  planned: PlannedStep,
  stage: "pre" | "post",
): Promise<boolean> {
  const work = planned.handler?.[stage];
  if (work === undefined || run.parts.control.killing.aborted) return false;
  const place: Place = { run, frame, step: planned.step };
  const env = await stepEnv(place);
  const values = env.ok ? env.value : NO_ENV;
  const condition = stage === "pre" ? planned.handler?.preIf : planned.handler?.postIf;
  const wanted = condition === undefined ? ALWAYS : await holds(place, values, condition);
  if (wanted.ok && !wanted.value) return false;
  await run.line(null, planned.title ?? `${stage === "pre" ? "Pre" : "Post"} ${await stepName(place)}`);
  if (!wanted.ok) {
    await run.lines(null, wanted.message, "##[error]");
    run.parts.state.status = statusAfter(run.parts.state.status, "failure");
    return false;
  }
  const { outcome } = await runStage(place, planned, stage, work, values);
  run.parts.state.status = statusAfter(run.parts.state.status, outcome);
  return true;
}

const ALWAYS = { ok: true, value: true } as const;
const NO_ENV: ReadonlyMap<string, string> = new Map();

/** A step among its neighbours. */
interface Place {
  readonly run: JobRun;
  readonly frame: StepFrame;
  readonly step: Step;
}

/** Rows of `pre` and `post` stages stand outside of the steps; what is inside of an action belongs to the job's step. */
function rowOf({ frame, step }: Place, stage: Stage): number | null {
  return stage === "main" ? (frame.outerIndex ?? step.index) : null;
}

/** The status of the frame takes a conclusion in. */
function worsen({ run, frame }: Place, conclusion: Outcome): void {
  const holder = frame.own ?? run.parts.state;
  holder.status = statusAfter(holder.status, conclusion);
}

async function started(place: Place): Promise<void> {
  const { run, frame, step } = place;
  if (frame.depth > 0) return;
  const { emit, clock } = run.parts;
  await emit({ type: "step-started", step: step.index, name: await stepName(place), at: clock.now() });
}

/** Runs one stage to its end: limits it, reads its files, applies what it set. */
async function runStage(
  place: Place,
  planned: PlannedStep,
  stage: Stage,
  work: RunStage,
  env: ReadonlyMap<string, string>,
): Promise<{ outcome: Outcome; outputs: ReadonlyMap<string, string> }> {
  const { run, frame, step } = place;
  const row = rowOf(place, stage);
  const limit = await timeoutMinutes(place, env);
  if (!limit.ok) {
    await run.lines(row, limit.message, "##[error]");
    return { outcome: "failure", outputs: new Map() };
  }
  using stop = new StageStop(place, limit.value, stage === "main" ? () => holds(place, env) : undefined);
  const active = new ActiveStage({
    run,
    frame,
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
    await run.parts.emit({ type: "summary", step: frame.outerIndex ?? step.index, markdown: active.changes.summary });
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

  constructor({ run, frame }: Place, limitMinutes: number, condition: (() => Promise<Evaluated<boolean>>) | undefined) {
    const { control, clock } = run.parts;
    const { enclosing } = frame;
    if (enclosing !== undefined) this.#listen(enclosing.signal, () => this.#stop(enclosing.reason() ?? "cancelled"));
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

async function stepEnv({ run, frame, step: { env } }: Place): Promise<Evaluated<ReadonlyMap<string, string>>> {
  if (env === undefined) return { ok: true, value: NO_ENV };
  const entries = await run.evaluate(run.context(frame), (context) => evaluateMapping(env, context));
  return entries.ok ? { ok: true, value: new Map(entries.value) } : entries;
}

async function holds(
  { run, frame, step }: Place,
  env: ReadonlyMap<string, string>,
  condition = step.if,
): Promise<Evaluated<boolean>> {
  if (condition === undefined) return { ok: true, value: (frame.own ?? run.parts.state).status === "success" };
  return run.evaluate(run.context(frame, env), (context) => evaluateCondition(condition, context));
}

/** A step inside of an action has the limit of the job's step around it. */
async function timeoutMinutes(place: Place, env: ReadonlyMap<string, string>): Promise<Evaluated<number>> {
  const { run, frame, step } = place;
  const fallback = { ok: true, value: frame.enclosing?.limitMinutes ?? DEFAULT_STEP_MINUTES } as const;
  const template = step.timeoutMinutes;
  if (template === undefined) return fallback;
  const minutes = await run.evaluate(run.context(frame, env), (context) => evaluateNumber(template, context));
  return minutes.ok && minutes.value <= 0 ? fallback : minutes;
}

/** `continue-on-error` is read after the failure, with the step's own results not yet in the contexts. */
async function conclude(place: Place, outcome: Outcome, env: ReadonlyMap<string, string>): Promise<Outcome> {
  const { run, frame, step } = place;
  const template = step.continueOnError;
  if (template === undefined || outcome !== "failure") return outcome;
  const allowed = await run.evaluate(run.context(frame, env), (context) => evaluateBoolean(template, context));
  if (!allowed.ok) await run.lines(rowOf(place, "main"), allowed.message, "##[error]");
  return concludeStep(outcome, allowed.ok && allowed.value);
}

/** The name that is shown: evaluated just before the step; a name that cannot be is shown as it stands. */
async function stepName({ run, frame, step }: Place): Promise<string> {
  const template = step.name ?? step.run;
  if (template === undefined) return `Run ${step.uses ?? ""}`;
  const text = await run.evaluate(run.context(frame), (context) => evaluateText(template, context));
  const first = (text.ok ? text.value : "").trim().split(/\r?\n/, 1)[0] ?? "";
  if (step.name !== undefined && first !== "") return first;
  return first === "" ? `Step ${step.index + 1}` : `Run ${first}`;
}

async function finish(
  { run, frame, step }: Place,
  outcome: Outcome,
  conclusion: Outcome,
  outputs: ReadonlyMap<string, string>,
): Promise<void> {
  if (step.id !== undefined) frame.steps.set(step.id, { outputs, outcome, conclusion });
  if (frame.depth > 0) return;
  await run.parts.emit({ type: "step-finished", step: step.index, outcome, conclusion, at: run.parts.clock.now() });
}
