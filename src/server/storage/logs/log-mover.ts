import type { BlobStore } from "../../../lib/blobs/blob-store.ts";
import type { Clock } from "../../../lib/clock.ts";
import { errorText } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/logger.ts";
import { WakeUp } from "../../../lib/wake-up.ts";
import { logBlob, logBlobKey, type PlacedSegment } from "./log-blob.ts";

/** Logs that are looked up at once. */
const ROUND = 100;
/** Pause after a failure, and between two looks for logs that another replica left. */
const LOOK_AGAIN_MS = 60_000;

/** What moving needs of a log store. */
export interface MovableLogs {
  /** Finished logs that are not in their blob yet, or whose rows were not deleted afterwards. */
  unmoved(limit: number): Promise<readonly number[]>;
  /** Rows of such a log from `from` on in large segments; none at the end. */
  merge(taskId: number, from: number): Promise<readonly PlacedSegment[]>;
  /** From now on readers use the blob, and the rows are deleted. False when the log is gone or was moved before. */
  moved(taskId: number): Promise<boolean>;
  /** Whether readers use the blob. */
  inBlob(taskId: number): Promise<boolean>;
}

/**
 * Moves finished logs into the blob store, one after the other: write the blob, make it durable, switch the readers
 * over, delete the rows. A crash in between leaves a log that is found and moved again over what is there.
 */
export class LogMover implements AsyncDisposable {
  readonly #logs: MovableLogs;
  readonly #blobs: BlobStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #wake = new WakeUp();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  /** Begins at once unless `wait` is set. */
  constructor(deps: {
    readonly logs: MovableLogs;
    readonly blobs: BlobStore;
    readonly clock: Clock;
    readonly logger: Logger;
    /** Nothing was left by an earlier process. */
    readonly wait: boolean;
    /** Other processes may leave logs. */
    readonly shared: boolean;
  }) {
    this.#logs = deps.logs;
    this.#blobs = deps.blobs;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#running = this.#run(deps.wait, deps.shared);
  }

  /** A log was finished. */
  notify(): void {
    this.#wake.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(wait: boolean, shared: boolean): Promise<void> {
    const { signal } = this.#stopping;
    const later = { clock: this.#clock, ms: LOOK_AGAIN_MS };
    if (wait) await this.#wake.wait(shared ? { within: later, signal } : { signal });
    while (!signal.aborted) {
      try {
        while (await this.#moveSome(signal));
        await this.#wake.wait(shared ? { within: later, signal } : { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ error: errorText(error) }, "a finished log could not be moved; trying again in a minute");
        await this.#clock.sleep(LOOK_AGAIN_MS, { signal }).catch(() => undefined);
      }
    }
  }

  /** False when there was nothing to move. */
  async #moveSome(signal: AbortSignal): Promise<boolean> {
    const taskIds = await this.#logs.unmoved(ROUND);
    for (const taskId of taskIds) {
      signal.throwIfAborted();
      await this.#move(taskId, signal);
    }
    return taskIds.length > 0;
  }

  async #move(taskId: number, signal: AbortSignal): Promise<void> {
    const key = logBlobKey(taskId);
    if (await this.#logs.inBlob(taskId)) {
      await this.#logs.moved(taskId);
      return;
    }
    await this.#blobs.put(key, logBlob(this.#segments(taskId)), { signal });
    if (await this.#logs.moved(taskId)) return;
    // Deleted meanwhile; or another replica was faster, and the blob is the same.
    if (!(await this.#logs.inBlob(taskId))) await this.#blobs.delete([key]);
  }

  async *#segments(taskId: number): AsyncGenerator<PlacedSegment> {
    for (let from = 0; ; ) {
      const segments = await this.#logs.merge(taskId, from);
      const last = segments.at(-1);
      if (last === undefined) return;
      yield* segments;
      from = last.firstRow + last.rowCount;
    }
  }
}
