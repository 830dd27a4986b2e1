import type { LineSink } from "../process/line-pump.ts";

/** Codes with which engines end an exec whose program could not be started. */
const START_FAILURE_CODES: ReadonlySet<number> = new Set([126, 127, 255]);

/**
 * An engine tells in the output of an exec that its program could not be started. What may be that is held back until
 * the exec has ended; all else passes at once.
 */
export class StartFailureFilter {
  readonly #pattern: RegExp;
  readonly #sink: LineSink;
  readonly #held: [line: string, stream: "stdout" | "stderr"][] = [];
  #first = true;

  constructor(pattern: RegExp, sink: LineSink) {
    this.#pattern = pattern;
    this.#sink = sink;
  }

  /** Takes the exec's lines. */
  readonly take: LineSink = (line, stream) => {
    if (this.#first && this.#pattern.test(line)) {
      this.#first = false;
      this.#held.push([line, stream]);
      return;
    }
    this.#first = false;
    if (this.#held.length === 0) return this.#sink(line, stream);
    this.#held.push([line, stream]);
    // two lines are as much as an engine says
    return this.#held.length > 3 ? this.flush() : undefined;
  };

  /** What the engine said, when the exec ended since its program could not be started. */
  failure(code: number): string | undefined {
    return START_FAILURE_CODES.has(code) ? this.#held[0]?.[0] : undefined;
  }

  /** Hands on what was held back. */
  async flush(): Promise<void> {
    for (const [line, stream] of this.#held.splice(0)) await this.#sink(line, stream);
  }
}
