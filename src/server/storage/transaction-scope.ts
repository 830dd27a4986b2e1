import { AsyncLocalStorage } from "node:async_hooks";
import { AppError } from "../../lib/errors.ts";

/**
 * Knows whether the running code is inside a `write` function. A write within a write would wait for itself on SQLite,
 * and a read past the transaction would see old rows there and can use up the pool on MySQL; both are refused.
 */
export class TransactionScope {
  readonly #frames = new AsyncLocalStorage<{ active: boolean }>();

  /** Runs `work` as the body of a transaction. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const frame = { active: true };
    try {
      return await this.#frames.run(frame, work);
    } finally {
      frame.active = false;
    }
  }

  /** @throws AppError internal when called inside a transaction's body; `what` is the forbidden call */
  refuse(what: string): void {
    if (this.#frames.getStore()?.active) {
      throw new AppError("internal", `${what} was called inside a write function; use its tx argument instead`);
    }
  }
}
