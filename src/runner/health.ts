import type { Clock } from "../lib/clock.ts";

/** Whether this runner can take work, for /readyz. */
export class Health {
  readonly #clock: Clock;
  readonly #graceMs: number;
  #failingSince: number | undefined;
  #unregistered = false;

  /** @param graceMs how long polls may fail before the runner counts as not ready */
  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#failingSince = clock.now();
  }

  /** Notes a poll that was answered, or that failed. */
  polled(answered: boolean): void {
    this.#failingSince = answered ? undefined : (this.#failingSince ?? this.#clock.now());
  }

  /** The server does not know this runner any more. */
  unregistered(): void {
    this.#unregistered = true;
  }

  /** Undefined when ready, else a sentence. */
  problem(): string | undefined {
    if (this.#unregistered) return "the server no longer knows this runner";
    if (this.#failingSince === undefined) return undefined;
    const seconds = Math.round((this.#clock.now() - this.#failingSince) / 1000);
    return seconds * 1000 <= this.#graceMs ? undefined : `the server has not answered for ${seconds} s`;
  }
}
