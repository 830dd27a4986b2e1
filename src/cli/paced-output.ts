import type { TextOutput } from "./cli-context.ts";

/** More than this is written without waiting for the end of the turn. */
const FLUSH_CHARACTERS = 64 * 1024;

/** Gathers what is written in one turn of the event loop into one write: a job may print a million lines. */
export class PacedOutput implements TextOutput {
  readonly isTTY: boolean | undefined;
  readonly #output: TextOutput;
  #pieces: string[] = [];
  #length = 0;
  #full: Promise<void> | undefined;

  constructor(output: TextOutput) {
    this.#output = output;
    this.isTTY = output.isTTY;
  }

  readonly write = (text: string): void => {
    if (this.#pieces.push(text) === 1) queueMicrotask(() => this.#flush());
    this.#length += text.length;
    if (this.#length >= FLUSH_CHARACTERS) this.#flush();
  };

  /** Pending while the reader does not keep up; whoever writes much waits for it. */
  get full(): Promise<void> | undefined {
    return this.#full;
  }

  #flush(): void {
    if (this.#length === 0) return;
    const text = this.#pieces.join("");
    this.#pieces = [];
    this.#length = 0;
    if (this.#output.write(text) !== false || this.#output.once === undefined || this.#full !== undefined) return;
    const drained = Promise.withResolvers<void>();
    this.#output.once("drain", drained.resolve);
    this.#full = drained.promise.then(() => {
      this.#full = undefined;
    });
  }
}
