import { AppError } from "../../lib/errors.ts";
import type { Step } from "../../workflow/model.ts";
import { type ActionReference, parseActionReference } from "../actions/action-reference.ts";
import type { LoadedAction } from "../actions/load-action.ts";
import { builtinAction } from "../builtin/builtin-action.ts";
import { compositeAction } from "./composite-action.ts";
import { dockerAction, imageStep } from "./docker-action.ts";
import type { JobRun } from "./job-run.ts";
import { nodeAction } from "./node-action.ts";
import { runScript } from "./run-script.ts";
import type { StepFrame } from "./step-frame.ts";
import type { StepHandler } from "./step-handler.ts";
import type { PlannedStep } from "./step-runner.ts";

/** GitHub's limit for composite actions inside of each other. */
const MAX_DEPTH = 10;

/**
 * Finds out what runs each step, and fetches the actions: all that can be known before the first step. An action of the
 * workspace is read when its turn comes. @throws AppError when an action cannot be had
 */
export async function planSteps(
  run: JobRun,
  steps: readonly Step[],
  { depth }: Pick<StepFrame, "depth">,
): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  for (const step of steps) {
    const load = () => handlerFor(run, step, depth);
    const handler = isLocal(step) ? undefined : await load();
    planned.push({ step, handler, load, saved: new Map() });
  }
  return planned;
}

function isLocal({ uses = "" }: Step): boolean {
  return /^\.{1,2}([/\\]|$)/.test(uses);
}

/** The kinds of steps; new ones are added here and in `actionHandler`. */
async function handlerFor(run: JobRun, step: Step, depth: number): Promise<StepHandler> {
  const { uses } = step;
  if (uses === undefined) return { main: runScript };
  const builtin =
    run.parts.request.actions?.builtin === false ? undefined : await builtinAction(uses, run.parts.platform);
  if (builtin !== undefined) return builtin;
  const reference = parseActionReference(uses, run.actions.ownBases);
  if (reference.kind === "image") return await imageStep(run, uses, reference.image);
  return await actionHandler(run, await loaded(run, uses, reference), depth);
}

function loaded(run: JobRun, uses: string, reference: Exclude<ActionReference, { kind: "image" }>) {
  return reference.kind === "local" ? run.actions.local(uses, reference.path) : run.actions.remote(uses, reference);
}

async function actionHandler(run: JobRun, action: LoadedAction, depth: number): Promise<StepHandler> {
  const { runs } = action.metadata;
  switch (runs.kind) {
    case "node":
      return nodeAction(action, runs);
    case "composite": {
      if (depth >= MAX_DEPTH) {
        const sentence = `the action '${action.uses}' is nested too deep: at most ${MAX_DEPTH} composite actions may call each other`;
        throw new AppError("invalid", sentence);
      }
      return compositeAction(run, action, await planSteps(run, runs.steps, { depth: depth + 1 }));
    }
    case "docker":
      return await dockerAction(run, action, runs);
  }
}
