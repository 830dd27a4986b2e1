import { AppError } from "../../lib/errors.ts";
import { defaultShells, namedShell, type ShellCommand, scriptText, shellArgv } from "./shells.ts";
import type { StageEnd, StageScope } from "./step-handler.ts";

/** Runs a `run` step: the script goes to a file, the shell runs it in the working directory. */
export async function runScript(scope: StageScope): Promise<StageEnd> {
  const { step, environment, defaults } = scope;
  if (step.run === undefined) throw new AppError("internal", "a step without 'run' was handed to runScript");
  const script = await scope.text(step.run);
  const shellName = defaults.shell === undefined ? undefined : (await scope.text(defaults.shell)).trim();
  const shell = shellName ? namedShell(shellName) : await defaultShell(scope);
  const directory = defaults.workingDirectory === undefined ? "" : (await scope.text(defaults.workingDirectory)).trim();
  const cwd = directory === "" ? environment.paths.workspace : scope.join(environment.paths.workspace, directory);
  await writeHeader(scope, script, shell);
  const path = scope.join(environment.paths.temp, `${scope.ids.uuid()}${shell.extension}`);
  await environment.writeFile(path, scriptText(shell, script), { mode: 0o755 });
  return scope.end(await scope.exec({ argv: shellArgv(shell, path), cwd, pty: scope.terminal }));
}

async function defaultShell(scope: StageScope): Promise<ShellCommand> {
  const env = await scope.env();
  const candidates = defaultShells(scope.platform, scope.environment.containers?.container !== undefined);
  for (const [program, command] of candidates) {
    if ((await scope.environment.which(program, env)) !== undefined) return command;
  }
  const names = candidates.map(([program]) => program).join(" nor ");
  throw new AppError("not_found", `neither ${names} is on the PATH of the job: install one, or name a 'shell'`);
}

/** The group that GitHub shows above a script's output. */
async function writeHeader(scope: StageScope, script: string, shell: ShellCommand): Promise<void> {
  const text = script.replace(/\s+$/, "");
  await scope.log(`##[group]Run ${text.trimStart().split(/\r?\n/, 1)[0] ?? ""}`);
  await scope.log(text);
  await scope.log(`shell: ${shell.argv.join(" ")}`);
  await scope.log("##[endgroup]");
}
