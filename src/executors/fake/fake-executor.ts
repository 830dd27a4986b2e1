import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type {
  Executor,
  FileContent,
  JobEnvironment,
  JobPaths,
  JobSpec,
  KillReason,
  LineSink,
  OpenFile,
  StepExit,
  StepSpec,
} from "../executor.ts";

/** What a scripted step does, in this order: effect · lines · wait · exit. All parts may be left out; `{}` is an exit 0 at once. */
export interface FakeAnswer {
  /** Runs first; may write files (`GITHUB_OUTPUT`, …) as the step would. */
  readonly effect?: (environment: FakeEnvironment, step: StepSpec) => void | Promise<void>;
  /** Output; a plain string goes to stdout. */
  readonly lines?: Iterable<string | { readonly text: string; readonly stream: "stdout" | "stderr" }>;
  /** How long it runs after its lines. @default 0 */
  readonly delayMs?: number;
  /** Runs until it is killed. @default false */
  readonly untilSignal?: boolean;
  /** After the signal, how long it takes to go. @default 0 */
  readonly killMs?: number;
  /** @default 0 */
  readonly code?: number;
  readonly outOfMemory?: true;
  /** The infrastructure's fault: the process does not start, and prints nothing. */
  readonly notStarted?: AppError;
}

/** The knobs of the fake executor. */
export interface FakeExecutorOptions {
  /** Scripts the steps: `nth` counts the execs of one job from 0. @default always `{}` */
  readonly answer?: (step: StepSpec, nth: number, job: JobSpec) => FakeAnswer;
  /** Runs in prepare; an error that it throws fails the preparation, a promise delays it. */
  readonly prepare?: (job: JobSpec, options: { signal: AbortSignal }) => void | Promise<void>;
  /** Runs in the first dispose; an error that it throws comes out of dispose. */
  readonly dispose?: (job: JobSpec) => void | Promise<void>;
  /** @default {} */
  readonly baseEnv?: Readonly<Record<string, string>>;
  /** Programs that `which` finds, with their paths. @default bash and sh */
  readonly programs?: Readonly<Record<string, string>>;
  /** @default the machine's */
  readonly clock?: Clock;
}

/** An executor that runs nothing: steps answer from a script, files are kept in memory. For tests of the runner, and the simulation. */
export class FakeExecutor implements Executor {
  readonly name = "fake";
  readonly capabilities = { services: false, images: false, platform: "linux" } as const;
  /** Every environment ever prepared, in order; what a test asserts on. */
  readonly environments: FakeEnvironment[] = [];
  readonly #options: FakeExecutorOptions;

  constructor(options: FakeExecutorOptions = {}) {
    this.#options = options;
  }

  /** Those that are not disposed; has to be empty at the end of a test. */
  get live(): FakeEnvironment[] {
    return this.environments.filter((environment) => !environment.disposed);
  }

  async prepare(job: JobSpec, { signal }: { signal: AbortSignal }): Promise<JobEnvironment> {
    checkNotCancelled(job, signal);
    await this.#options.prepare?.(job, { signal });
    checkNotCancelled(job, signal);
    const environment = new FakeEnvironment(job, this.#options);
    this.environments.push(environment);
    return environment;
  }
}

/** One job of the fake executor. */
export class FakeEnvironment implements JobEnvironment {
  readonly job: JobSpec;
  readonly paths: JobPaths;
  readonly baseEnv: Readonly<Record<string, string>>;
  /** The steps that were run, in order. */
  readonly steps: StepSpec[] = [];
  /** Path to content. */
  readonly files = new Map<string, Buffer>();
  readonly #options: FakeExecutorOptions;
  readonly #disposed = new AbortController();

  constructor(job: JobSpec, options: FakeExecutorOptions) {
    const root = `/fake/${job.id}`;
    this.job = job;
    this.paths = { workspace: `${root}/workspace`, temp: `${root}/temp`, toolCache: "/fake/tools" };
    this.baseEnv = options.baseEnv ?? {};
    this.#options = options;
  }

  get disposed(): boolean {
    return this.#disposed.signal.aborted;
  }

  async exec(step: StepSpec, options: { signal: AbortSignal; output: LineSink }): Promise<StepExit> {
    const { answer = () => ({}), clock = systemClock } = this.#options;
    if (this.disposed)
      return { kind: "not-started", error: new AppError("conflict", `job ${this.job.id} is disposed`) };
    const script: FakeAnswer = answer(step, this.steps.length, this.job);
    this.steps.push(step);
    if (script.notStarted !== undefined) return { kind: "not-started", error: script.notStarted };
    const signal = AbortSignal.any([options.signal, this.#disposed.signal]);
    if (!signal.aborted) await this.#print(script, step, options.output, signal);
    if (!signal.aborted) await pause(script, clock, signal);
    if (signal.aborted) {
      if (script.killMs !== undefined) await clock.sleep(script.killMs, {});
      return { kind: "killed", reason: signal.reason as KillReason };
    }
    const exit = { kind: "exited", code: script.code ?? 0 } as const;
    return script.outOfMemory === true ? { ...exit, outOfMemory: true } : exit;
  }

  async writeFile(path: string, content: FileContent): Promise<void> {
    this.#checkPath(path);
    const whole = typeof content === "string" || content instanceof Uint8Array;
    this.files.set(path, whole ? Buffer.from(content as Uint8Array) : await buffer(content));
  }

  async readFile(path: string, { maxBytes }: { maxBytes: number }): Promise<Buffer | undefined> {
    this.#checkPath(path);
    const content = this.files.get(path);
    if (content !== undefined && content.length > maxBytes) {
      throw new AppError("exhausted", `${path} is larger than the ${maxBytes} bytes that are allowed`);
    }
    return content;
  }

  async openFile(path: string): Promise<OpenFile | undefined> {
    this.#checkPath(path);
    const content = this.files.get(path);
    if (content === undefined) return undefined;
    return {
      size: content.length,
      read: ({ start, end } = { start: 0, end: content.length }) => Readable.from([content.subarray(start, end)]),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async which(program: string): Promise<string | undefined> {
    const { programs = { bash: "/bin/bash", sh: "/bin/sh" } } = this.#options;
    return programs[program];
  }

  async ownNode(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.disposed) return;
    this.#disposed.abort("cancelled" satisfies KillReason);
    this.files.clear();
    await this.#options.dispose?.(this.job);
  }

  async #print(
    { effect, lines = [] }: FakeAnswer,
    step: StepSpec,
    output: LineSink,
    signal: AbortSignal,
  ): Promise<void> {
    await effect?.(this, step);
    for (const line of lines) {
      if (signal.aborted) return;
      const { text, stream } = typeof line === "string" ? { text: line, stream: "stdout" as const } : line;
      const pending = output(text, stream);
      if (pending !== undefined) await pending;
    }
  }

  #checkPath(path: string): void {
    const inside = [this.paths.workspace, this.paths.temp, this.paths.toolCache].some((root) =>
      path.startsWith(`${root}/`),
    );
    if (inside && !path.split("/").includes("..")) return;
    throw new AppError(
      "invalid",
      `${path} is outside of the job's folders; use a path below the workspace or RUNNER_TEMP`,
    );
  }
}

async function pause(
  { delayMs = 0, untilSignal = false }: FakeAnswer,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (untilSignal) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  else if (delayMs > 0) await clock.sleep(delayMs, { signal }).catch(() => undefined);
}

function checkNotCancelled(job: JobSpec, signal: AbortSignal): void {
  if (signal.aborted) throw new AppError("cancelled", `job ${job.id} was cancelled while it was prepared`);
}
