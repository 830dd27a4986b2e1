import { ExpressionError } from "./expression-error.ts";

/** Bytes that one expression may make where the caller says nothing. */
const DEFAULT_MAX = 1024 * 1024;
/** Bytes that a caller may allow at most. */
const CAP = 10 * 1024 * 1024;

/** Counts the bytes of the values that one evaluation makes, as .NET would hold them: 26 + 2 a character for text. */
export class MemoryBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number = DEFAULT_MAX) {
    this.#max = Math.min(max, CAP);
  }

  /** Bytes in use; given back to `release`. */
  get used(): number {
    return this.#used;
  }

  /** Adds a text. @throws ExpressionError when the budget is used up */
  addText(text: string): void {
    this.add(26 + 2 * text.length);
  }

  /** Adds bytes. @throws ExpressionError when the budget is used up */
  add(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#max) throw new ExpressionError("evaluation", "The maximum allowed memory size was exceeded");
  }

  /** Forgets what was added since `used` was read. */
  release(used: number): void {
    this.#used = used;
  }
}
