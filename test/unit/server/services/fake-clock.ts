import type { Clock } from "../../../../src/lib/clock.ts";

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  timer(ms: number, callback: () => void): Disposable {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  sleep(ms: number, { signal }: { signal?: AbortSignal }): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.timer(ms, resolve);
      const abort = () => {
        timer[Symbol.dispose]();
        reject(signal?.reason);
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Whether somebody waits for the moment `ms` from now. */
  isAwaitedAt(ms: number): boolean {
    return [...this.#timers].some(({ at }) => at === this.#now + ms);
  }

  /** Whether at least `count` wait for moments within the next `ms`. */
  isAwaitedWithin(ms: number, count: number): boolean {
    return [...this.#timers].filter(({ at }) => at <= this.#now + ms).length >= count;
  }

  /** Moves on and fires what is due. */
  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}
