import { type Clock, systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { defaultKillGrace, interruptThenKill, type KillGrace } from "./kill-tree.ts";
import { LinePump, type LineSink } from "./line-pump.ts";
import type { ProcessSpec, Started } from "./process-spec.ts";
import type { EnvMarker } from "./process-table.ts";
import { startError } from "./start-error.ts";
import { startPiped } from "./start-piped.ts";
import { startTerminal } from "./start-terminal.ts";

/** How a program is run. */
export interface RunOptions {
  /** Ends the program and all it started; its reason comes back in the exit. */
  readonly signal: AbortSignal;
  readonly output: LineSink;
  /** @default 7.5 s and 2.5 s */
  readonly grace?: KillGrace | undefined;
  /** How long to wait for the end of the output when the program has exited, but something it left holds its pipes. @default 5 s */
  readonly drainMs?: number | undefined;
  /** Finds what the program started even where it left the process group. */
  readonly marker?: EnvMarker | undefined;
  readonly clock?: Clock | undefined;
}

/** How it ended. A signal that is not from here counts as exit code 128 + its number, as in shells. */
export type ProcessExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly reason: unknown }
  | { readonly kind: "not-started"; readonly error: AppError };

/** What actions/runner ProcessInvoker.cs waits for the streams of a process that has exited. */
const DRAIN_MS = 5000;
/** That wait is counted in slices, so that time in which the sink pushes back is not counted. */
const DRAIN_SLICE_MS = 50;
/** What is left of it once the program was killed: nobody should hold its pipes then. */
const DRAIN_AFTER_KILL_MS = 1000;

/**
 * Runs a program to its end, in a session of its own, with an empty standard input.
 * Returns after the last line went to `output`; rejects only when `output` does (the program is then killed first).
 */
export async function runProcess(spec: ProcessSpec, options: RunOptions): Promise<ProcessExit> {
  const { signal, output, clock = systemClock } = options;
  const pump = new LinePump(output);
  const start = spec.pty === true ? startTerminal : startPiped;
  let running: Started;
  try {
    running = await start(spec, pump, signal);
  } catch (error) {
    if (signal.aborted) return { kind: "killed", reason: signal.reason };
    return { kind: "not-started", error: error instanceof AppError ? error : await startError(spec, error) };
  }
  const stop = AbortSignal.any([signal, pump.failed]);
  const exit = await exitOrKill(running, stop, options);
  await drain(running, pump, stop, { drainMs: options.drainMs ?? DRAIN_MS, clock });
  await pump.finish();
  return exit;
}

/** Waits for the program's own end; on abort sees to it. An abort after that end does not count. */
async function exitOrKill(running: Started, stop: AbortSignal, options: RunOptions): Promise<ProcessExit> {
  const { grace = defaultKillGrace, clock = systemClock, marker } = options;
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  stop.addEventListener("abort", onAbort);
  try {
    if (stop.aborted) onAbort();
    const code = await Promise.race([running.exited, aborted.promise]);
    if (code !== undefined) return { kind: "exited", code };
    await interruptThenKill(running.pid, running.exited, { grace, clock, marker });
    return { kind: "killed", reason: stop.reason };
  } finally {
    stop.removeEventListener("abort", onAbort);
  }
}

/**
 * Waits for the end of the output, but not for ever: a background process may hold the pipes open. A sink that pushes
 * back may take all the time it wants.
 */
async function drain(
  running: Started,
  pump: LinePump,
  stop: AbortSignal,
  { drainMs, clock }: { drainMs: number; clock: Clock },
): Promise<void> {
  const done = new AbortController();
  const end = () => done.abort();
  running.drained.then(end, end);
  const doneOrStopped = AbortSignal.any([done.signal, stop]);
  for (let left = drainMs; left > 0 && !done.signal.aborted; ) {
    if (stop.aborted) left = Math.min(left, DRAIN_AFTER_KILL_MS);
    const slice = Math.min(left, DRAIN_SLICE_MS);
    await clock.sleep(slice, { signal: stop.aborted ? done.signal : doneOrStopped }).catch(() => undefined);
    if (!pump.blocked) left -= slice;
  }
  running.close();
}
