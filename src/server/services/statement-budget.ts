import type { Clock } from "../../lib/clock.ts";

/** Spreads statements so that no more than `perSecond` run in a second on average, and at most `burst` at once. */
export class StatementBudget {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  constructor(clock: Clock, { perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#at = clock.now();
  }

  /** Time until the next statement may run, in ms; 0 when it may run now. */
  get waitMs(): number {
    this.#refill();
    return this.#left >= 1 ? 0 : Math.ceil(((1 - this.#left) * 1000) / this.#perSecond);
  }

  /** A statement runs now. */
  take(): void {
    this.#refill();
    this.#left -= 1;
  }

  #refill(): void {
    const now = this.#clock.now();
    // A clock that was set back gives nothing.
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#left = Math.min(this.#burst, this.#left + (passed * this.#perSecond) / 1000);
  }
}
