import type { Step } from "../../workflow/model.ts";
import type { JobRun } from "./job-run.ts";
import { namedShell, shellArgv } from "./shells.ts";
import type { StageScope } from "./step-handler.ts";
import { runOuterStage } from "./step-runner.ts";

/**
 * Runs a script of the runner's owner around the steps of a job, with the variables and command files of a step. Its
 * failure fails the job.
 */
export async function runHook(run: JobRun, hook: "started" | "completed"): Promise<void> {
  const path = run.parts.request.hooks?.[hook];
  if (path === undefined) return;
  const title = hook === "started" ? "Set up runner" : "Complete runner";
  const range = { line: 1, column: 1, endLine: 1, endColumn: 1 };
  const step: Step = { index: 0, range };
  const work = async (scope: StageScope) => {
    await scope.log(`A job ${hook} hook has been configured by the self-hosted runner administrator: ${path}`);
    const argv = commandFor(path, (await scope.environment.ownNode()) ?? "node");
    return scope.end(await scope.exec({ argv, cwd: scope.environment.paths.workspace }));
  };
  const stage = hook === "started" ? "pre" : "post";
  const handler = { main: work, [stage]: work };
  await runOuterStage(run, run.frame, { step, handler, load: async () => handler, saved: new Map(), title }, stage);
}

function commandFor(path: string, node: string): [string, ...string[]] {
  if (/\.sh$/i.test(path)) return shellArgv(namedShell("bash"), path);
  if (/\.ps1$/i.test(path)) return shellArgv(namedShell("pwsh"), path);
  if (/\.[cm]?js$/i.test(path)) return [node, path];
  return [path];
}
