import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";

/** Logs an outage once at each end instead of once per call. */
export class Outage {
  readonly #logger: Logger;
  readonly #what: string;
  #failures = 0;

  /** @param what the call, as the sentence's subject */
  constructor(logger: Logger, what: string) {
    this.#logger = logger;
    this.#what = what;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure. */
  failed(error: unknown): void {
    this.#failures += 1;
    const fields = { call: this.#what, error: errorText(error) };
    if (this.#failures === 1)
      this.#logger.warn(fields, "a call to the server failed; it is repeated until it succeeds");
    else this.#logger.debug({ ...fields, failures: this.#failures }, "a call to the server failed again");
  }

  /** Ends a row of failures. */
  succeeded(): void {
    if (this.#failures > 0) {
      this.#logger.info({ call: this.#what, failures: this.#failures }, "the server answers again");
    }
    this.#failures = 0;
  }
}
