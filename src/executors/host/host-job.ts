import { findProgram } from "../../drivers/process/find-program.ts";
import { type KillGrace, killAll } from "../../drivers/process/kill-tree.ts";
import { PipeSupply } from "../../drivers/process/output-pipes.ts";
import { listProcesses, withMarker } from "../../drivers/process/process-table.ts";
import { type ProcessExit, runProcess } from "../../drivers/process/run-process.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type {
  FileContent,
  JobEnvironment,
  JobPaths,
  KillReason,
  LineSink,
  OpenFile,
  StepExit,
  StepSpec,
} from "../executor.ts";
import { killReason } from "../kill-reason.ts";
import type { JobFiles } from "./job-files.ts";
import type { User } from "./job-folders.ts";
import { execMarker, jobMarker, TRACKING_VARIABLE, trackingId } from "./tracking-id.ts";

/** What a job on the host is made of. */
export interface HostJobParts {
  readonly id: string;
  /** The runner's uuid. */
  readonly owner: string;
  readonly paths: JobPaths;
  readonly files: JobFiles;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly user: User | undefined;
  readonly grace: KillGrace | undefined;
  readonly drainMs: number | undefined;
  readonly clock: Clock;
  /** Removes the job's folders. */
  remove(): Promise<void>;
  /** Told what could not be cleaned up. */
  warn(problem: AppError): void;
}

/** A job whose steps are processes of this machine. */
export class HostJob implements JobEnvironment {
  readonly #parts: HostJobParts;
  readonly #disposed = new AbortController();
  readonly #pipes = new PipeSupply();
  readonly #found = new Map<string, string>();
  #cleaned: Promise<void> | undefined;
  #execs = 0;

  constructor(parts: HostJobParts) {
    this.#parts = parts;
  }

  get paths(): JobPaths {
    return this.#parts.paths;
  }

  get baseEnv(): Readonly<Record<string, string>> {
    return this.#parts.baseEnv;
  }

  async exec(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit> {
    const { id, owner, user, grace, drainMs, clock } = this.#parts;
    if (this.#disposed.signal.aborted) {
      return {
        kind: "not-started",
        error: new AppError("conflict", `the environment of job ${id} is already disposed`),
      };
    }
    this.#execs += 1;
    const exec = this.#execs;
    const env = { ...this.baseEnv, ...step.env, [TRACKING_VARIABLE]: trackingId(owner, id, exec) };
    const exit = await runProcess(
      { argv: step.argv, cwd: step.cwd, env, pty: step.pty === true, user },
      {
        signal: AbortSignal.any([options.signal, this.#disposed.signal]),
        output: options.output,
        marker: execMarker(owner, id, exec),
        pipes: this.#pipes,
        grace,
        drainMs,
        clock,
      },
    );
    return this.#stepExit(exit, options.signal);
  }

  async writeFile(path: string, content: FileContent, options?: { mode?: number }): Promise<void> {
    await this.#parts.files.write(path, content, options?.mode);
  }

  readFile(path: string, { maxBytes }: { maxBytes: number }): Promise<Buffer | undefined> {
    return this.#parts.files.read(path, maxBytes);
  }

  openFile(path: string): Promise<OpenFile | undefined> {
    return this.#parts.files.open(path);
  }

  /** A program that was found is taken to stay where it is: every step asks for its shell. */
  async which(program: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
    const path = { ...this.baseEnv, ...env }["PATH"];
    const key = `${program}\n${path}`;
    const found = this.#found.get(key) ?? (await findProgram(program, path));
    if (found !== undefined) this.#found.set(key, found);
    return found;
  }

  async ownNode(): Promise<string> {
    return process.execPath;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#cleaned ??= this.#clean();
    return this.#cleaned;
  }

  /** Does not wait for a running exec: its sink may push back for ever, but its processes are gone. */
  async #clean(): Promise<void> {
    const { id, owner, clock, warn } = this.#parts;
    this.#disposed.abort("cancelled" satisfies KillReason);
    this.#pipes[Symbol.dispose]();
    const marker = jobMarker(owner, id);
    const survivors = await killAll(async () => withMarker(await listProcesses(), marker), clock);
    if (survivors.length > 0) {
      const pids = survivors.map(({ pid }) => pid).join(", ");
      warn(new AppError("unavailable", `processes ${pids} of job ${id} could not be killed; end them by hand`));
    }
    try {
      await this.#parts.remove();
    } catch (error) {
      warn(new AppError("unavailable", `files of job ${id} could not be removed; the next start tries again`, error));
    }
  }

  /** A process that dispose killed looks as if it had exited. */
  #stepExit(exit: ProcessExit, signal: AbortSignal): StepExit {
    if (exit.kind === "killed") return { kind: "killed", reason: killReason(exit.reason) };
    if (exit.kind === "exited" && this.#disposed.signal.aborted)
      return { kind: "killed", reason: killReason(signal.reason) };
    return exit;
  }
}
