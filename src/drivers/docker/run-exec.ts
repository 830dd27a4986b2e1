import type { Duplex } from "node:stream";
import type Docker from "dockerode";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { AppError, errorText } from "../../lib/errors.ts";
import { awaitEnd } from "../process/await-end.ts";
import { defaultKillGrace, type KillGrace } from "../process/kill-tree.ts";
import { LinePump, type LineSink } from "../process/line-pump.ts";
import { carryOutput } from "./carry-output.ts";
import { END_EXEC_SCRIPT } from "./end-exec-script.ts";
import type { Engine, EngineExecSpec } from "./engine.ts";
import { engineError, statusOf } from "./engine-error.ts";
import type { EngineFlavour } from "./engine-flavour.ts";
import { StartFailureFilter } from "./start-failure-filter.ts";

/** How a program is run in a container. */
export interface RunExecOptions {
  /** Ends the program and all it started; its reason comes back in the exit. */
  readonly signal: AbortSignal;
  readonly output: LineSink;
  /** Aborts when the container is being removed, with all that runs in it. @default never */
  readonly removal?: AbortSignal | undefined;
  /** `NAME=VALUE` that the environment of this exec alone holds; its processes are found by it. */
  readonly marker: string;
  /** @default 7.5 s and 2.5 s */
  readonly grace?: KillGrace | undefined;
  /** How long to wait for the end of the output when the program has exited, but something it left holds it open. @default 5 s */
  readonly drainMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** How it ended; as with a process of this machine. */
export type ExecExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly reason: unknown }
  | { readonly kind: "not-started"; readonly error: AppError };

const DRAIN_MS = 5000;
/** How often the engine is asked whether the program has exited while its output is open, at most and at least. */
const FIRST_LOOK_MS = 20;
const SLOWEST_LOOK_MS = 500;
/** What the script that ends an exec may take beyond the graces. */
const KILL_PATIENCE_MS = 15_000;
/** An exec whose container is gone. */
const GONE_CODE = 137;

/**
 * Runs a program in a running container to its end, with an empty standard input. Returns after the last line went to
 * `output`; rejects only when `output` does (the program is then killed first).
 */
export async function runExec(
  engine: Engine,
  container: string,
  spec: EngineExecSpec,
  options: RunExecOptions,
): Promise<ExecExit> {
  const { removal, clock = systemClock, drainMs = DRAIN_MS } = options;
  const signal = removal === undefined ? options.signal : AbortSignal.any([options.signal, removal]);
  const filter = new StartFailureFilter(engine.flavour.startFailure, options.output);
  const pump = new LinePump(filter.take);
  let running: RunningExec;
  try {
    signal.throwIfAborted();
    running = await startExec(engine, container, spec, { pump, clock, signal });
  } catch (error) {
    if (signal.aborted) return { kind: "killed", reason: signal.reason };
    return { kind: "not-started", error: engineError(engine.flavour, `run ${spec.argv[0] ?? ""}`, error) };
  }
  const exit = await awaitEnd(running, pump, {
    signal,
    drainMs,
    clock,
    end: () => endExec(engine, container, running, options),
  });
  const failure = exit.kind === "exited" ? filter.failure(exit.code) : undefined;
  if (failure !== undefined) return { kind: "not-started", error: startFailure(spec, failure) };
  await filter.flush();
  return exit;
}

interface RunningExec {
  readonly exited: Promise<number>;
  readonly drained: Promise<void>;
  /** Resolves once the program runs, or has ended. */
  readonly begun: Promise<void>;
  close(): void;
}

async function startExec(
  engine: Engine,
  container: string,
  spec: EngineExecSpec,
  { pump, clock, signal }: { pump: LinePump; clock: Clock; signal: AbortSignal },
): Promise<RunningExec> {
  const exec = await engine.createExec(container, spec);
  signal.throwIfAborted();
  const connection: Duplex = await exec.start({ hijack: true, stdin: false, Tty: spec.pty });
  connection.on("error", () => undefined); // the end of the output is all that anybody waits for
  // a terminal of 0 × 0 confuses programs; Podman answers 201, which dockerode takes for an error
  if (spec.pty) await exec.resize({ h: 24, w: 80 }).catch(() => undefined);
  const drained = carryOutput(connection, pump, spec.pty);
  const begun = Promise.withResolvers<void>();
  const exited = watchExit(exec, { flavour: engine.flavour, drained, clock, begun: begun.resolve }).finally(
    begun.resolve,
  );
  exited.catch(() => undefined); // awaited later, or not at all once it is killed
  return { exited, drained, begun: begun.promise, close: () => connection.destroy() };
}

/** The end of the output is not the program's end, and the other way round; only the engine knows. */
async function watchExit(
  exec: Docker.Exec,
  how: { flavour: EngineFlavour; drained: Promise<void>; clock: Clock; begun(): void },
): Promise<number> {
  const { flavour, drained, clock, begun } = how;
  const ended = new AbortController();
  drained.then(
    () => ended.abort(),
    () => ended.abort(),
  );
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, SLOWEST_LOOK_MS)) {
    const soon = ended.signal.aborted;
    try {
      const state = await exec.inspect();
      if (flavour.execEnded(state)) return state.ExitCode ?? GONE_CODE;
      if (state.Running && state.Pid !== 0) begun();
    } catch (error) {
      if (statusOf(error) !== undefined) return GONE_CODE;
      if (soon) throw error;
    }
    await clock.sleep(soon ? FIRST_LOOK_MS : waitMs, soon ? {} : { signal: ended.signal }).catch(() => undefined);
  }
}

/** Ends an exec from inside; where that is not possible, its container. */
async function endExec(
  engine: Engine,
  container: string,
  running: RunningExec,
  options: RunExecOptions,
): Promise<void> {
  const { marker, grace = defaultKillGrace, clock = systemClock, removal } = options;
  if (removal?.aborted) return;
  await running.begun;
  const limit = new AbortController();
  using _ = clock.timer(grace.interruptMs + grace.terminateMs + KILL_PATIENCE_MS, () => limit.abort());
  const argv = ["sh", "-c", END_EXEC_SCRIPT, "end-exec", marker, String(grace.interruptMs), String(grace.terminateMs)];
  const code = await runQuietly(engine, container, argv, { signal: limit.signal, clock });
  if (code !== 0 && !removal?.aborted) await engine.killContainer(container).catch(() => undefined);
}

/** Runs a short program of our own in a container; undefined when it did not come to an end by itself. */
async function runQuietly(
  engine: Engine,
  container: string,
  argv: readonly string[],
  { signal, clock }: { signal: AbortSignal; clock: Clock },
): Promise<number | undefined> {
  const pump = new LinePump(() => undefined);
  try {
    const running = await startExec(engine, container, { argv, env: {}, pty: false }, { pump, clock, signal });
    const stopped = Promise.withResolvers<undefined>();
    signal.addEventListener("abort", () => stopped.resolve(undefined), { once: true });
    const code = await Promise.race([running.exited, stopped.promise]);
    running.close();
    return code;
  } catch {
    return undefined; // the engine is away, or the container is gone: so is the program
  }
}

/** The engine's words for a program that could not be started, in ours. */
function startFailure({ argv, cwd }: EngineExecSpec, said: string): AppError {
  const program = argv[0] ?? "";
  if (/chdir to cwd|getcwd|chdir/.test(said)) {
    const remedy = "make it in an earlier step or correct its name";
    return new AppError("not_found", `the working directory ${cwd ?? ""} does not exist in the container; ${remedy}`);
  }
  if (/not found|no such file/i.test(said)) {
    const why = program.includes("/")
      ? "does not exist in the container, or the interpreter in its first line does not"
      : "was not found in the container's PATH; use an image that has it, or install it in an earlier step";
    return new AppError("not_found", `${program} ${why}`);
  }
  if (/permission denied/i.test(said)) {
    return new AppError("forbidden", `${program} may not be executed in the container; check its mode`);
  }
  return new AppError("unavailable", `${program} could not be started in the container: ${errorText(said)}`);
}
