import { setTimeout as delay } from "node:timers/promises";

/** Time as a parameter, so that the simulation and the unit tests can own it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, options: { signal?: AbortSignal }): Promise<void>;
  /** Calls `callback` once after `ms` milliseconds unless the handle is disposed before. Does not keep the process alive. */
  timer(ms: number, callback: () => void): Disposable;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, { signal }) {
    signal?.throwIfAborted();
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    }
  },
  timer(ms, callback) {
    const handle = setTimeout(callback, ms);
    handle.unref();
    return { [Symbol.dispose]: () => clearTimeout(handle) };
  },
};
