import type { Engine } from "../../drivers/docker/engine.ts";
import { type ExecExit, runExec } from "../../drivers/docker/run-exec.ts";
import type { KillGrace } from "../../drivers/process/kill-tree.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type {
  ActionContainers,
  ContainerFacts,
  FileContent,
  JobEnvironment,
  JobPaths,
  KillReason,
  LineSink,
  OpenFile,
  StepExit,
  StepSpec,
} from "../executor.ts";
import { TRACKING_VARIABLE, trackingId } from "../host/tracking-id.ts";
import { killReason } from "../kill-reason.ts";
import type { MountedFiles } from "./mounted-files.ts";
import { readOomKills } from "./oom-kills.ts";

/** What a job in a container is made of. */
export interface ContainerJobParts {
  readonly id: string;
  /** The runner's uuid. */
  readonly owner: string;
  readonly engine: Engine;
  /** Id of the job's container. */
  readonly container: string;
  readonly paths: JobPaths;
  readonly hostWorkspace: string;
  /** Where the runner's Node is in the container, if it is there. */
  readonly lentNode: string | undefined;
  readonly files: MountedFiles;
  readonly actionContainers: ActionContainers;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly containers: {
    readonly container: ContainerFacts;
    readonly services: Readonly<Record<string, ContainerFacts>>;
  };
  readonly grace: KillGrace | undefined;
  readonly drainMs: number | undefined;
  readonly clock: Clock;
  /** Removes everything of the job: containers, network, folders. */
  remove(): Promise<void>;
  /** Told what could not be cleaned up. */
  warn(problem: AppError): void;
}

/** Code of a process that was killed, as the kernel does when memory runs out. */
const KILLED = 137;

/** Prints the path of program $1 on the search path $2. */
const WHICH = `
set -f
case $1 in */*) [ -f "$1" ] && [ -x "$1" ] && printf '%s\\n' "$1"; exit ;; esac
IFS=:
for d in $2; do
  case $d in /*) [ -f "$d/$1" ] && [ -x "$d/$1" ] && printf '%s\\n' "$d/$1" && exit ;; esac
done`;

/** A job whose steps are processes in a container of its own. */
export class ContainerJob implements JobEnvironment {
  readonly #parts: ContainerJobParts;
  readonly #disposed = new AbortController();
  readonly #found = new Map<string, string>();
  #cleaned: Promise<void> | undefined;
  #ownNode: Promise<string | undefined> | undefined;
  #execs = 0;
  #oomKills = 0;

  constructor(parts: ContainerJobParts) {
    this.#parts = parts;
  }

  get paths(): JobPaths {
    return this.#parts.paths;
  }

  get baseEnv(): Readonly<Record<string, string>> {
    return this.#parts.baseEnv;
  }

  get containers() {
    return this.#parts.containers;
  }

  get actionContainers(): ActionContainers {
    return this.#parts.actionContainers;
  }

  get hostWorkspace(): string {
    return this.#parts.hostWorkspace;
  }

  async exec(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit> {
    const exit = await this.#run(step, options);
    if (exit.kind === "killed") return { kind: "killed", reason: killReason(exit.reason) };
    if (this.#disposed.signal.aborted && exit.kind === "exited") {
      return { kind: "killed", reason: killReason(options.signal.reason) };
    }
    if (exit.kind === "not-started") return { kind: "not-started", error: await this.#explain(exit.error) };
    if (exit.code === KILLED && (await this.#ranOutOfMemory())) return { ...exit, outOfMemory: true };
    return exit;
  }

  async writeFile(path: string, content: FileContent, options?: { mode?: number }): Promise<void> {
    await this.#parts.files.write(path, content, options?.mode);
  }

  readFile(path: string, { maxBytes }: { maxBytes: number }): Promise<Buffer | undefined> {
    return this.#parts.files.read(path, maxBytes);
  }

  openFile(path: string): Promise<OpenFile | undefined> {
    return this.#parts.files.openFile(path);
  }

  /** A program that was found is taken to stay where it is: looking takes as long as a short step. */
  async which(program: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
    const path = { ...this.baseEnv, ...env }["PATH"] ?? "";
    const key = `${program}\n${path}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const lines: string[] = [];
    await this.#run(
      { argv: ["sh", "-c", WHICH, "which", program, path], cwd: "/", env: {} },
      { signal: this.#disposed.signal, output: (line) => void lines.push(line) },
    );
    const [found] = lines;
    if (found !== undefined) this.#found.set(key, found);
    return found;
  }

  ownNode(): Promise<string | undefined> {
    this.#ownNode ??= this.#tryNode();
    return this.#ownNode;
  }

  /** Another C library, or none, keeps it from running. */
  async #tryNode(): Promise<string | undefined> {
    const { lentNode } = this.#parts;
    if (lentNode === undefined) return undefined;
    const options = { signal: this.#disposed.signal, output: () => undefined };
    const exit = await this.#run({ argv: [lentNode, "--version"], cwd: "/", env: {} }, options);
    return exit.kind === "exited" && exit.code === 0 ? lentNode : undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#cleaned ??= this.#clean();
    return this.#cleaned;
  }

  async #run(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<ExecExit> {
    const { id, owner, engine, container, grace, drainMs, clock } = this.#parts;
    if (this.#disposed.signal.aborted) {
      return {
        kind: "not-started",
        error: new AppError("conflict", `the environment of job ${id} is already disposed`),
      };
    }
    this.#execs += 1;
    const mark = trackingId(owner, id, this.#execs);
    const env = { ...this.baseEnv, ...step.env, [TRACKING_VARIABLE]: mark };
    return await runExec(
      engine,
      container,
      { argv: step.argv, cwd: step.cwd, env, pty: step.pty === true },
      {
        signal: options.signal,
        removal: this.#disposed.signal,
        output: options.output,
        marker: `${TRACKING_VARIABLE}=${mark}`,
        grace,
        drainMs,
        clock,
      },
    );
  }

  /** Does not wait for a running exec: its sink may push back for ever, but its processes are gone. */
  async #clean(): Promise<void> {
    const { id, warn } = this.#parts;
    this.#disposed.abort("cancelled" satisfies KillReason);
    try {
      await this.#parts.remove();
    } catch (error) {
      warn(new AppError("unavailable", `job ${id} left something behind; the next start tries again`, error));
    }
  }

  async #ranOutOfMemory(): Promise<boolean> {
    const { engine, container, clock } = this.#parts;
    const kills = await readOomKills(engine, container, { clock, signal: this.#disposed.signal });
    const more = kills > this.#oomKills;
    this.#oomKills = kills;
    return more;
  }

  /** A step that cannot start since the container has ended should say so. */
  async #explain(error: AppError): Promise<AppError> {
    const { engine, container } = this.#parts;
    if (this.#disposed.signal.aborted) return error;
    const state = (await engine.inspectContainer(container).catch(() => undefined))?.State;
    if (state === undefined || state.Running) return error;
    const why = state.OOMKilled ? "it ran out of memory" : `exit code ${state.ExitCode}`;
    return new AppError(
      "unavailable",
      `the job's container has ended (${why}), so that no further step can run`,
      error,
    );
  }
}
