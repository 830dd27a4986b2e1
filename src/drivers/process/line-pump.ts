import type { Readable } from "node:stream";
import { LineSplitter } from "../../lib/line-splitter.ts";

/** Takes the output of a process, line by line, without line ends. A returned promise pushes back: no line comes before it settles. */
export type LineSink = (line: string, stream: "stdout" | "stderr") => void | Promise<void>;

/** Brings the streams of one process to its sink, one line at a time. */
export class LinePump {
  readonly #sink: LineSink;
  readonly #failure = new AbortController();
  /** The promise of the sink's last call while it is pending. */
  #blocked: Promise<void> | undefined;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  /** True while the sink holds up the output. */
  get blocked(): boolean {
    return this.#blocked !== undefined;
  }

  /** Aborts when the sink threw or rejected, with its error as the reason. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Carries a stream to its end. A stream that is destroyed, or breaks off, ends there; what came before is delivered. */
  async carry(source: Readable, stream: "stdout" | "stderr"): Promise<void> {
    const splitter = new LineSplitter();
    try {
      for await (const chunk of source) await this.#deliver(splitter.push(chunk as Buffer), stream);
    } catch {
      // EIO is how a pseudo-terminal ends, ERR_STREAM_PREMATURE_CLOSE is our own destroy
    }
    await this.#deliver(splitter.end(), stream);
  }

  /** @throws what the sink threw */
  async finish(): Promise<void> {
    while (this.#blocked !== undefined) await this.#blocked;
    this.failed.throwIfAborted();
  }

  /** A million lines a second need a loop without an await per line. */
  async #deliver(lines: readonly string[], stream: "stdout" | "stderr"): Promise<void> {
    for (const line of lines) {
      while (this.#blocked !== undefined) await this.#blocked;
      if (this.failed.aborted) return;
      try {
        const pending = this.#sink(line, stream);
        if (pending !== undefined) this.#block(pending);
      } catch (error) {
        this.#failure.abort(error);
      }
    }
    while (this.#blocked !== undefined) await this.#blocked;
  }

  #block(pending: Promise<void>): void {
    this.#blocked = pending
      .catch((error: unknown) => this.#failure.abort(error))
      .finally(() => {
        this.#blocked = undefined;
      });
  }
}
