import { AppError } from "../../lib/errors.ts";
import type { StageScope } from "../engine/step-handler.ts";

/** What a program of the job has said. */
export interface ProgramEnd {
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** How it is run. */
export interface RunInJobOptions {
  /** All of its variables besides the environment's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Only so many of the last lines of each stream are kept. @default all */
  readonly maxLines?: number;
}

/**
 * Runs a program in the job's environment for a built-in action: what it prints is the action's, and not the log's.
 * @throws AppError when it cannot be started; cancelled
 */
export async function runInJob(
  { environment, signal }: StageScope,
  argv: readonly [string, ...string[]],
  { env, maxLines = Number.POSITIVE_INFINITY }: RunInJobOptions,
): Promise<ProgramEnd> {
  const said = { stdout: [] as string[], stderr: [] as string[] };
  const output = (line: string, stream: "stdout" | "stderr") => {
    if (said[stream].length >= maxLines) said[stream].shift();
    said[stream].push(line);
  };
  const exit = await environment.exec({ argv, cwd: environment.paths.workspace, env }, { signal, output });
  if (exit.kind === "not-started") throw exit.error;
  if (exit.kind === "killed") throw new AppError("cancelled", "the action was stopped");
  return { code: exit.code, ...said };
}
