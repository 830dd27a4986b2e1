import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Store } from "../storage/store.ts";

const ADJUST_EVERY_MS = 10_000;
/** A difference below this is the way to the database and back. */
const TOLERANCE_MS = 20;

/**
 * The time of the database, so that replicas whose clocks differ count leases, heartbeats and expiries alike. It is
 * this machine's clock, corrected by what the database says at the start and every 10 s.
 */
export class DatabaseClock implements Clock, AsyncDisposable {
  readonly #store: Pick<Store, "now">;
  readonly #base: Clock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #offsetMs = 0;
  #loop: Promise<void> | undefined;

  constructor(store: Pick<Store, "now">, base: Clock, log: Logger) {
    this.#store = store;
    this.#base = base;
    this.#log = log;
  }

  /** Asks the database for the time, and then again and again. @throws AppError unavailable when it is away */
  async start(): Promise<void> {
    await this.adjust();
    this.#loop = this.#run(this.#stopping.signal);
  }

  /** Asks the database for the time. @throws AppError unavailable when it is away */
  async adjust(): Promise<void> {
    const before = this.#base.now();
    const there = await this.#store.now();
    const after = this.#base.now();
    const offsetMs = Math.round(there - (before + after) / 2);
    if (Math.abs(offsetMs - this.#offsetMs) <= TOLERANCE_MS + (after - before) / 2) return;
    this.#offsetMs = offsetMs;
    this.#log.info({ offsetMs }, "this machine's clock differs from the database's, which counts");
  }

  now(): number {
    return this.#base.now() + this.#offsetMs;
  }

  sleep(ms: number, options: { signal?: AbortSignal }): Promise<void> {
    return this.#base.sleep(ms, options);
  }

  timer(ms: number, callback: () => void): Disposable {
    return this.#base.timer(ms, callback);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#base.sleep(ADJUST_EVERY_MS, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.adjust();
      } catch (error) {
        this.#log.debug({ error: errorText(error) }, "the database was not asked for its time");
      }
    }
  }
}
