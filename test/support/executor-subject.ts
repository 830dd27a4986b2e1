import { readdir, readFile } from "node:fs/promises";
import type { Executor, JobEnvironment, LineSink, StepExit, StepSpec } from "../../src/executors/executor.ts";

/** An executor under test, and what its contract suite has to know about the machine beneath. */
export interface ExecutorSubject extends AsyncDisposable {
  /** Made with short graces: SIGINT to SIGTERM 300 ms, to SIGKILL 300 ms, and 500 ms for output that is held open. */
  readonly executor: Executor;
  /** What is left of all jobs so far: folders, containers, volumes; empty when all are disposed. */
  leftovers(): Promise<string[]>;
}

/** How many living processes of this machine have `text` in their command line. */
export async function runningWith(text: string): Promise<number> {
  return (await processesWith(text)).length;
}

/** The living processes of this machine that have `text` in their command line, words apart by a space or not. */
export async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, index) => {
    const command = commands[index] ?? "";
    return command.includes(text) || command.replaceAll("\0", " ").includes(text);
  });
}

let jobs = 0;

/** A job id that no other test of this process uses. */
export function nextJobId(): string {
  jobs += 1;
  return `job-${process.pid}-${jobs}`;
}

/** A number of seconds that names one sleeper of one test, for `sleep` and `runningWith`. */
export function uniqueSleep(): string {
  jobs += 1;
  return `${3000 + (process.pid % 1000)}.${jobs}`;
}

/** What a step did. */
export interface Ran {
  readonly exit: StepExit;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** Options of `sh`. */
export interface ShOptions {
  readonly signal?: AbortSignal;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly output?: LineSink;
  readonly pty?: boolean;
}

/** Runs a script with sh in the workspace. */
export function sh(environment: JobEnvironment, script: string, options: ShOptions = {}): Promise<Ran> {
  return run(environment, ["sh", "-c", script], options);
}

/** Runs a program in the workspace. */
export async function run(environment: JobEnvironment, argv: StepSpec["argv"], options: ShOptions = {}): Promise<Ran> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const collect: LineSink = (line, stream) => {
    (stream === "stdout" ? stdout : stderr).push(line);
  };
  const exit = await environment.exec(
    { argv, cwd: options.cwd ?? environment.paths.workspace, env: options.env ?? {}, pty: options.pty ?? false },
    { signal: options.signal ?? new AbortController().signal, output: options.output ?? collect },
  );
  return { exit, stdout, stderr };
}
