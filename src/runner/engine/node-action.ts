import { AppError } from "../../lib/errors.ts";
import type { ActionRuns } from "../../workflow/action-model.ts";
import type { LoadedAction } from "../actions/load-action.ts";
import { actionInputs, inputVariables, warnOfInputs, writeActionHeader } from "./action-inputs.ts";
import type { RunStage, StageScope, StepHandler } from "./step-handler.ts";

/** Versions that actions may ask for; all of them run on the one Node of the job, as GitHub's runner does with old ones. */
const VERSIONS: ReadonlySet<string> = new Set(["node12", "node16", "node20", "node22", "node24"]);

/** A JavaScript action. @throws AppError invalid when it asks for a Node that does not exist */
export function nodeAction(action: LoadedAction, runs: Extract<ActionRuns, { kind: "node" }>): StepHandler {
  if (!VERSIONS.has(runs.using)) {
    throw new AppError(
      "invalid",
      `the action '${action.uses}' wants 'using: ${runs.using}', which is not supported; there are ${[...VERSIONS].join(", ")}`,
    );
  }
  const isLocal = action.repository === "";
  const stage = (script: string): RunStage => {
    return (scope) => runNode(scope, action, script);
  };
  return {
    // the files of a local action are not there yet when `pre` would run
    pre: runs.pre === undefined || isLocal ? undefined : stage(runs.pre),
    preIf: runs.preIf,
    main: async (scope) => {
      if (runs.pre !== undefined && isLocal) {
        await scope.log(`##[warning]\`pre\` execution is not supported for local action from '${action.uses}'`);
      }
      return await stage(runs.main)(scope);
    },
    post: runs.post === undefined ? undefined : stage(runs.post),
    postIf: runs.postIf,
  };
}

async function runNode(scope: StageScope, action: LoadedAction, script: string) {
  const { metadata, directory, repository, ref } = action;
  const inputs = await actionInputs(scope, metadata);
  if (scope.stage === "main") {
    await warnOfInputs(scope, metadata, inputs);
    await writeActionHeader(scope);
  }
  const github = { action_path: directory, action_repository: repository, action_ref: ref };
  const state = Object.fromEntries([...scope.saved].map(([name, value]) => [`STATE_${name}`, value]));
  const env = { ...inputVariables(inputs), ...state };
  const argv = [await findNode(scope, action), scope.join(directory, script)] as const;
  return scope.end(await scope.exec({ argv, cwd: scope.environment.paths.workspace }, { env, github }));
}

/** The runner's own, or else the image's. @throws AppError not_found */
async function findNode(scope: StageScope, { uses }: LoadedAction): Promise<string> {
  const { environment } = scope;
  const found = (await environment.ownNode()) ?? (await environment.which("node", await scope.env()));
  if (found !== undefined) return found;
  throw new AppError(
    "not_found",
    `the action '${uses}' needs Node: the runner's does not run in this image, and there is no 'node' on the PATH of the job; use an image that has it`,
  );
}
