import { createHash } from "node:crypto";
import { posix } from "node:path";
import { split } from "shlex";
import type { ActionImage } from "../../executors/executor.ts";
import { AppError } from "../../lib/errors.ts";
import type { ActionRuns } from "../../workflow/action-model.ts";
import { evaluateMapping, evaluateText } from "../../workflow/evaluate-template.ts";
import type { EvaluationContext } from "../../workflow/expressions/evaluation-context.ts";
import { ExprObject, foldCase } from "../../workflow/expressions/value.ts";
import type { LoadedAction } from "../actions/load-action.ts";
import { actionInputs, inputVariables, warnOfInputs, writeActionHeader } from "./action-inputs.ts";
import type { JobRun } from "./job-run.ts";
import type { RunStage, StageScope, StepHandler } from "./step-handler.ts";

type DockerRuns = Extract<ActionRuns, { kind: "docker" }>;

/** An image that a step names itself: `uses: docker://image`. @throws AppError when it cannot be pulled */
export async function imageStep(run: JobRun, uses: string, image: string): Promise<StepHandler> {
  const metadata = { inputs: new Map(), outputs: new Map(), runs: { kind: "docker", image } } as const;
  const action: LoadedAction = { uses, metadata, directory: "", repository: "", ref: "" };
  return handlerOf(run, action, metadata.runs, await prepare(run, uses, { kind: "pull", image }));
}

/**
 * An action that runs in a container of its own. Its image is pulled or built while the job is set up; that of an action
 * of the workspace when its turn comes. @throws AppError when there is no engine, or the image cannot be had
 */
export async function dockerAction(run: JobRun, action: LoadedAction, runs: DockerRuns): Promise<StepHandler> {
  return handlerOf(run, action, runs, await prepare(run, action.uses, imageOf(action, runs)));
}

function imageOf(action: LoadedAction, { image }: DockerRuns): ActionImage {
  if (/^docker:\/\//i.test(image)) return { kind: "pull", image: image.slice("docker://".length) };
  const dockerfile = posix.normalize(image);
  if (posix.isAbsolute(dockerfile) || dockerfile.startsWith("..")) {
    throw new AppError("invalid", `the action '${action.uses}' is wrong: its image '${image}' lies outside of it`);
  }
  // the folder of a Dockerfile is what it is built from
  const folder = posix.dirname(dockerfile);
  const place = { kind: "build", dockerfile: posix.basename(dockerfile) } as const;
  const { source, directory } = action;
  if (source === undefined) return { ...place, context: { job: posix.join(directory, folder) } };
  return { ...place, context: { machine: posix.join(source.folder, folder) }, key: `${source.key}-${hashOf(image)}` };
}

/** Tells several Dockerfiles of one action apart. */
function hashOf(image: string): string {
  return createHash("sha256").update(image).digest("hex").slice(0, 16);
}

async function prepare(run: JobRun, uses: string, source: ActionImage): Promise<string> {
  const { environment, control } = run.parts;
  const { actionContainers } = environment;
  if (actionContainers === undefined) {
    throw new AppError(
      "unavailable",
      `The action '${uses}' runs in a container, and needs a container engine, which this runner does not have.`,
    );
  }
  return await actionContainers.prepareImage(source, {
    signal: control.stopping,
    log: (line) => run.line(null, line),
  });
}

function handlerOf(run: JobRun, action: LoadedAction, runs: DockerRuns, image: string): StepHandler {
  const isLocal = action.source === undefined;
  const stage = (entrypoint: string | undefined): RunStage => {
    return (scope) => runImage(run, scope, action, { runs, image, entrypoint });
  };
  const { preEntrypoint, postEntrypoint } = runs;
  return {
    // the files of a local action are not there yet when `pre` would run
    pre: preEntrypoint === undefined || isLocal ? undefined : stage(preEntrypoint),
    preIf: runs.preIf,
    main: stage(undefined),
    post: postEntrypoint === undefined ? undefined : stage(postEntrypoint),
    postIf: runs.postIf,
  };
}

/** Precedence of entrypoint and arguments as in actions/runner, ContainerActionHandler.cs. */
async function runImage(
  run: JobRun,
  scope: StageScope,
  { metadata, uses, directory, repository, ref }: LoadedAction,
  { runs, image, entrypoint: ofStage }: { runs: DockerRuns; image: string; entrypoint: string | undefined },
) {
  const inputs = await actionInputs(scope, metadata);
  if (scope.stage === "main") {
    if (!/^docker:/i.test(uses)) await warnOfInputs(scope, metadata, inputs);
    await writeActionHeader(scope);
  }
  const github = { action_path: directory, action_repository: repository, action_ref: ref };
  const frame = scope.inside({ steps: new Map(), contexts: new Map([["inputs", new ExprObject(inputs)]]), github });
  const context = run.context(frame);
  const given = (name: string) => {
    return [...inputs].find(([key, value]) => foldCase(key) === name && value !== "")?.[1];
  };
  const args = [];
  for (const arg of runs.args ?? []) args.push(await evaluated(run, context, (inside) => evaluateText(arg, inside)));
  const { env: own } = runs;
  const low = own === undefined ? [] : await evaluated(run, context, (inside) => evaluateMapping(own, inside));
  const state = Object.fromEntries([...scope.saved].map(([name, value]) => [`STATE_${name}`, value]));
  const entrypoint = ofStage ?? runs.entrypoint ?? given("ENTRYPOINT");
  const text = runs.args === undefined ? given("ARGS") : undefined;
  const argv = text === undefined ? args : split(text);
  const spec = {
    image,
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(argv.length === 0 && entrypoint === undefined ? {} : { args: argv }),
  };
  const variables = { env: { ...inputVariables(inputs), ...state }, github, low: Object.fromEntries(low) };
  return scope.end(await scope.runImage(spec, variables));
}

async function evaluated<T>(
  run: JobRun,
  context: EvaluationContext,
  evaluate: (context: EvaluationContext) => T,
): Promise<T> {
  const result = await run.evaluate(context, evaluate);
  if (!result.ok) throw new AppError("invalid", result.message);
  return result.value;
}
