import type { IncomingMessage } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { AppError } from "../../lib/errors.ts";
import type { LogBatch } from "../services/append-log.ts";
import type { BoundedQueue } from "../services/bounded-queue.ts";
import { LogUploadReader } from "./log-upload-reader.ts";

/** A message is stored in pieces of this size: a runner may send all that an outage has gathered at once. */
const PIECE_BYTES = 128 * 1024;
const PIECE_ROWS = 16_384;

/** How an upload is stored. */
export interface LogUploadOptions {
  readonly maxBytes: number;
  /** Stores rows and resolves to the number that is acknowledged. */
  readonly append: (batch: LogBatch) => Promise<number>;
  /** Pieces of long messages that are worked on at the same time, whoever sends them. */
  readonly pieces: BoundedQueue;
}

/**
 * Stores the rows of an UpdateLogRequest while it arrives and resolves to what is acknowledged. Memory and time on the
 * event loop are bounded by the piece, not by the message. When it fails or breaks off, the pieces before stay stored;
 * the runner sends them again and they are known.
 * @throws AppError invalid · what `append` throws · ConnectError when it is too long or the caller is gone
 */
export function storeLogUpload(request: IncomingMessage, options: LogUploadOptions): Promise<number> {
  const upload = new LogUpload(options);
  return new Promise((resolve, reject) => {
    const guard = (work: () => Promise<void> | undefined): void => {
      try {
        const pending = work();
        if (pending === undefined) return;
        request.pause();
        pending.then(() => request.resume(), reject);
      } catch (error) {
        reject(error);
      }
    };
    request.on("data", (chunk: Buffer) => guard(() => upload.push(chunk)));
    request.once("end", () => upload.end().then(resolve, reject));
    request.once("close", () => {
      if (!request.complete) reject(new ConnectError("the message did not arrive whole", Code.Canceled));
    });
    request.once("error", reject);
  });
}

class LogUpload {
  readonly #options: LogUploadOptions;
  readonly #reader = new LogUploadReader();
  #received = 0;
  /** The task and the first row, once a piece was stored. */
  #begun: { readonly taskId: number; readonly index: number } | undefined;
  #next = 0;
  #acked = 0;
  /** The log takes no more: it was finished, or rows are missing before these. */
  #over: boolean = false;
  #storing: Promise<void> | undefined;

  constructor(options: LogUploadOptions) {
    this.#options = options;
  }

  /** A promise pushes back: a piece waits to be stored while another one still is. */
  push(chunk: Buffer): Promise<void> | undefined {
    const { maxBytes } = this.#options;
    this.#received += chunk.length;
    if (this.#received > maxBytes) {
      throw new ConnectError(`the message is larger than ${maxBytes} bytes`, Code.ResourceExhausted);
    }
    this.#reader.push(chunk);
    const { rows } = this.#reader;
    if (rows.bytes < PIECE_BYTES && rows.count < PIECE_ROWS) return undefined;
    const before = this.#storing;
    if (before === undefined) {
      this.#begin();
      return undefined;
    }
    return before.then(() => this.#begin());
  }

  /** Stores the rest. */
  async end(): Promise<number> {
    this.#reader.end();
    await this.#storing;
    await this.#store(this.#reader.noMore);
    return this.#acked;
  }

  #begin(): void {
    const storing = this.#options.pieces.run(() => this.#store(false));
    // Whoever waits for it next hears of its failure.
    storing.catch(() => undefined);
    this.#storing = storing;
  }

  async #store(noMore: boolean): Promise<void> {
    const { taskId, index } = this.#reader;
    this.#begun ??= { taskId, index };
    if (this.#begun.taskId !== taskId || this.#begun.index !== index) {
      throw new AppError("invalid", "task_id and index of a long UpdateLogRequest must stand before its rows");
    }
    const rows = this.#reader.rows.take();
    if (this.#over) return;
    const first = index + this.#next;
    this.#next += rows.count;
    this.#acked = await this.#options.append({ taskId, index: first, rows, noMore });
    this.#over = this.#acked < first + rows.count;
  }
}
