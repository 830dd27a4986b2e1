import type { Clock } from "./clock.ts";

/** Lets one loop sleep until there is something to do. A call of `wake` before the loop waits is remembered. */
export class WakeUp {
  #pending = false;
  #resume: (() => void) | undefined;

  /** Ends the current wait, or the next one at once. */
  wake(): void {
    this.#pending = true;
    this.#resume?.();
  }

  /** Resolves at the next `wake`, after `within.ms`, or when the signal aborts; never rejects. One caller at a time. */
  async wait(options: { within?: { clock: Clock; ms: number }; signal: AbortSignal }): Promise<void> {
    const { within, signal } = options;
    if (!this.#pending && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const onAbort = () => resolve();
      this.#resume = resolve;
      signal.addEventListener("abort", onAbort);
      const timer = within?.clock.timer(within.ms, resolve);
      await promise;
      timer?.[Symbol.dispose]();
      signal.removeEventListener("abort", onAbort);
      this.#resume = undefined;
    }
    this.#pending = false;
  }
}
