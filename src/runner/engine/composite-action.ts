import { evaluateText } from "../../workflow/evaluate-template.ts";
import { ExprObject } from "../../workflow/expressions/value.ts";
import type { LoadedAction } from "../actions/load-action.ts";
import { actionInputs, warnOfInputs, writeActionHeader } from "./action-inputs.ts";
import type { JobRun } from "./job-run.ts";
import type { StepRecord } from "./job-state.ts";
import type { StepFrame } from "./step-frame.ts";
import type { RunStage, StageEnd, StageScope, StepHandler } from "./step-handler.ts";
import { type PlannedStep, runOuterStage, runStep } from "./step-runner.ts";

/**
 * A composite action: steps with inputs, results and a status of their own. The `pre` and `post` stages of the steps
 * inside are gathered into one of its own; `post` runs in reverse, for what was started.
 */
export function compositeAction(run: JobRun, action: LoadedAction, inner: readonly PlannedStep[]): StepHandler {
  const steps = new Map<string, StepRecord>();
  const started: PlannedStep[] = [];
  const open = async (scope: StageScope) => frameOf(scope, action, steps);
  const start = (planned: PlannedStep) => {
    if (!started.includes(planned)) started.unshift(planned);
  };
  const pre: RunStage = async (scope) => {
    const { frame } = await open(scope);
    for (const planned of inner) if (await runOuterStage(run, frame, planned, "pre")) start(planned);
    return { outcome: "success" };
  };
  const post: RunStage = async (scope) => {
    const { frame } = await open(scope);
    for (const planned of started) await runOuterStage(run, frame, planned, "post");
    return { outcome: "success" };
  };
  return {
    pre: inner.some(({ handler }) => handler?.pre !== undefined) ? pre : undefined,
    async main(scope) {
      const { frame, inputs } = await open(scope);
      await warnOfInputs(scope, action.metadata, inputs);
      await writeActionHeader(scope);
      for (const planned of inner) if (await runStep(run, frame, planned)) start(planned);
      return await end(run, scope, frame, action);
    },
    get post() {
      return started.some(({ handler }) => handler?.post !== undefined) ? post : undefined;
    },
  };
}

async function frameOf(scope: StageScope, action: LoadedAction, steps: Map<string, StepRecord>) {
  const { metadata, directory, repository, ref } = action;
  const inputs = await actionInputs(scope, metadata);
  const frame = scope.inside({
    steps,
    contexts: new Map([
      ["inputs", new ExprObject(inputs)],
      ["secrets", null],
    ]),
    github: { action_path: directory, action_repository: repository, action_ref: ref },
  });
  return { frame, inputs };
}

/** The outputs are evaluated also where a step failed. What failed inside has said so already. */
async function end(run: JobRun, scope: StageScope, frame: StepFrame, { metadata }: LoadedAction): Promise<StageEnd> {
  const context = run.context(frame);
  let broken: string | undefined;
  for (const [name, { value }] of metadata.outputs) {
    if (value === undefined) continue;
    const text = await run.evaluate(context, (inside) => evaluateText(value, inside));
    if (text.ok) scope.output(name, text.value);
    else broken ??= `The output '${name}' cannot be evaluated: ${text.message}`;
  }
  const status = frame.own?.status ?? "success";
  if (scope.signal.aborted) {
    const { outcome } = scope.end({ kind: "killed", reason: "cancelled" });
    return { outcome };
  }
  if (broken !== undefined) return { outcome: "failure", message: broken };
  return { outcome: status };
}
