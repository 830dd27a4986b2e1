import { type Clock, systemClock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { awaitEnd } from "./await-end.ts";
import { defaultKillGrace, interruptThenKill, type KillGrace } from "./kill-tree.ts";
import { LinePump, type LineSink } from "./line-pump.ts";
import type { PipeSupply } from "./output-pipes.ts";
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
  /** Gives the pipes of its output, for who runs many programs. @default pipes made for this one */
  readonly pipes?: PipeSupply | undefined;
  readonly clock?: Clock | undefined;
}

/** How it ended. A signal that is not from here counts as exit code 128 + its number, as in shells. */
export type ProcessExit =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly reason: unknown }
  | { readonly kind: "not-started"; readonly error: AppError };

/** What actions/runner ProcessInvoker.cs waits for the streams of a process that has exited. */
const DRAIN_MS = 5000;

/**
 * Runs a program to its end, in a session of its own, with an empty standard input.
 * Returns after the last line went to `output`; rejects only when `output` does (the program is then killed first).
 */
export async function runProcess(spec: ProcessSpec, options: RunOptions): Promise<ProcessExit> {
  const { signal, output, clock = systemClock } = options;
  const pump = new LinePump(output);
  let running: Started;
  try {
    running = await (spec.pty === true
      ? startTerminal(spec, pump, signal)
      : startPiped(spec, pump, signal, options.pipes));
  } catch (error) {
    if (signal.aborted) return { kind: "killed", reason: signal.reason };
    return { kind: "not-started", error: error instanceof AppError ? error : await startError(spec, error) };
  }
  const { grace = defaultKillGrace, marker } = options;
  return await awaitEnd(running, pump, {
    signal,
    drainMs: options.drainMs ?? DRAIN_MS,
    clock,
    end: () => interruptThenKill(running.pid, running.exited, { grace, clock, marker }),
  });
}
