import { AppError } from "../../lib/errors.ts";

/** Runs a few pieces of work at a time; more wait in a line of limited length. */
export class BoundedQueue {
  readonly #atOnce: number;
  readonly #longest: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param atOnce pieces that run at the same time @param longest pieces that may wait */
  constructor(atOnce: number, longest: number) {
    this.#atOnce = atOnce;
    this.#longest = longest;
  }

  /** Runs `work` when its turn comes. @throws AppError exhausted when the line is full */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++;
    else if (this.#waiting.length >= this.#longest) {
      throw new AppError("exhausted", "too many credentials wait to be verified; try again in a few seconds");
    } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
