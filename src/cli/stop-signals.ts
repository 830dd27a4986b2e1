import type { Clock } from "../lib/clock.ts";

/** Signals closer together than this count as one: npm and our own launcher pass on what the terminal already sent to all. */
const SAME_PRESS_MS = 400;

/** The part of `process` that is needed; a test passes an EventEmitter. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: (signal: NodeJS.Signals) => void): unknown;
}

/** Two steps of ending: `stop` on the first SIGINT or SIGTERM (no new work), `kill` on the second (end running work). */
export interface StopSignals extends Disposable {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
}

/** Listens until it is disposed; then the signals have their usual effect again. */
export function listenForStop(source: SignalSource, clock: Pick<Clock, "now">): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let stoppedAt = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (!stop.signal.aborted) {
      stoppedAt = clock.now();
      stop.abort(signal);
    } else if (clock.now() - stoppedAt > SAME_PRESS_MS) {
      kill.abort(signal);
    }
  };
  source.on("SIGINT", listener);
  source.on("SIGTERM", listener);
  return {
    stop: stop.signal,
    kill: kill.signal,
    [Symbol.dispose]: () => {
      source.off("SIGINT", listener);
      source.off("SIGTERM", listener);
    },
  };
}
