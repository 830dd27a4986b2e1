import type { Clock } from "../../lib/clock.ts";
import type { LinePump } from "./line-pump.ts";

/** A program that runs somewhere, seen from its end. */
export interface Ending {
  /** Resolves with the exit code when the program itself (not what it started) has exited. */
  readonly exited: Promise<number>;
  /** Carries all output to the pump until its end; resolves then. */
  readonly drained: Promise<void>;
  /** Gives up the rest of the output. */
  close(): void;
}

/** How the end of a program is awaited. */
export interface EndOptions {
  /** Ends the program; its reason comes back. */
  readonly signal: AbortSignal;
  /** How long to wait for the end of the output when the program has exited, but something it left holds it open. */
  readonly drainMs: number;
  readonly clock: Clock;
  /** Ends the program and all it started; resolves when that is done. */
  end(): Promise<void>;
}

/** The wait for the output is counted in slices, so that time in which the sink pushes back is not counted. */
const DRAIN_SLICE_MS = 50;
/** What is left of it once the program was killed: nobody should hold its pipes then. */
const DRAIN_AFTER_KILL_MS = 1000;

/**
 * Waits for the end of a program and then for that of its output. An abort before its own end ends it.
 * @throws what the sink threw, after the program was ended
 */
export async function awaitEnd(
  running: Ending,
  pump: LinePump,
  options: EndOptions,
): Promise<{ readonly kind: "exited"; readonly code: number } | { readonly kind: "killed"; readonly reason: unknown }> {
  const stop = AbortSignal.any([options.signal, pump.failed]);
  const code = await exitOrAbort(running, stop);
  if (code === undefined) await options.end();
  await drain(running, pump, stop, options);
  await pump.finish();
  return code === undefined ? { kind: "killed", reason: stop.reason } : { kind: "exited", code };
}

/** The exit code, or undefined when the signal aborted first. An abort after the program's own end does not count. */
async function exitOrAbort(running: Ending, stop: AbortSignal): Promise<number | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  stop.addEventListener("abort", onAbort);
  try {
    if (stop.aborted) onAbort();
    return await Promise.race([running.exited, aborted.promise]);
  } finally {
    stop.removeEventListener("abort", onAbort);
  }
}

/**
 * Waits for the end of the output, but not for ever: a background process may hold the pipes open. A sink that pushes
 * back may take all the time it wants.
 */
async function drain(
  running: Ending,
  pump: LinePump,
  stop: AbortSignal,
  { drainMs, clock }: EndOptions,
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
