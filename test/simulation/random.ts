import type { Ids } from "../../src/lib/ids.ts";

/** Chance that is the same for the same seed (sfc32). */
export class Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** A number in [0, 1). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** Whether something happens that does with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** One of them. */
  of<T>(choices: readonly [T, ...T[]] | readonly T[]): T {
    return choices[this.whole(0, choices.length - 1)] as T;
  }

  /** Identifiers from this chance. */
  ids(): Ids {
    const hex = (length: number) => Array.from({ length }, () => this.whole(0, 15).toString(16)).join("");
    return {
      uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
      token: () => hex(40),
      random: () => this.next(),
    };
  }
}
