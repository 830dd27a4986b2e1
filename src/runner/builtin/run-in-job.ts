import { AppError } from "../../lib/errors.ts";
import type { StageScope } from "../engine/step-handler.ts";

/** What is kept of a stream of which all is needed; no action is given as many files. */
const MAX_KEPT = { lines: 1_000_000, characters: 64 * 1024 * 1024 } as const;

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
  /** Only so many of the last lines of each stream are kept. @default all, up to 1,000,000 lines or 64 Mi characters */
  readonly maxLines?: number;
}

/**
 * Runs a program in the job's environment for a built-in action: what it prints is the action's, and not the log's.
 * @throws AppError when it cannot be started; cancelled; invalid when it printed more than is kept
 */
export async function runInJob(
  { environment, signal }: StageScope,
  argv: readonly [string, ...string[]],
  { env, maxLines }: RunInJobOptions,
): Promise<ProgramEnd> {
  const said = { stdout: [] as string[], stderr: [] as string[] };
  let characters = 0;
  let isTooMuch = false;
  const output = (line: string, stream: "stdout" | "stderr") => {
    const lines = said[stream];
    if (maxLines === undefined) {
      characters += line.length;
      isTooMuch ||= lines.length >= MAX_KEPT.lines || characters > MAX_KEPT.characters;
      if (isTooMuch) return;
    } else if (lines.length >= maxLines) lines.shift();
    lines.push(line);
  };
  const exit = await environment.exec({ argv, cwd: environment.paths.workspace, env }, { signal, output });
  if (exit.kind === "not-started") throw exit.error;
  if (exit.kind === "killed") throw new AppError("cancelled", "the action was stopped");
  if (isTooMuch) {
    const sentence = `${argv[0]} printed more than ${MAX_KEPT.lines} lines or ${MAX_KEPT.characters} characters`;
    throw new AppError("invalid", `${sentence}; give the action fewer files`);
  }
  return { code: exit.code, ...said };
}
