import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { Mutex } from "../../lib/mutex.ts";
import type { LogStore } from "./log-store.ts";

/** Most tasks in one round. */
const ROUND = 500;

/** The noted tasks whose logs are to go. */
export interface OrphanNotes {
  /** Some of the noted task ids, at most `limit`. */
  list(limit: number): Promise<readonly number[]>;
  /** Forgets the notes. */
  remove(taskIds: readonly number[]): Promise<void>;
}

/**
 * Deletes the logs of tasks that are gone. Logs are no part of the rows' transaction, so the transaction leaves a note,
 * and this works the notes off: after the commit, and at the start those that a crash left.
 */
export class OrphanedLogs implements AsyncDisposable {
  readonly #notes: OrphanNotes;
  readonly #logs: LogStore;
  readonly #logger: Logger;
  readonly #mutex = new Mutex();
  #stopped: boolean = false;

  constructor(notes: OrphanNotes, logs: LogStore, logger: Logger) {
    this.#notes = notes;
    this.#logs = logs;
    this.#logger = logger;
  }

  /** Works off all notes in the background; a failure is logged and left for the next time. */
  sweep(): void {
    void this.#mutex.run(async () => {
      try {
        await this.#work();
      } catch (error) {
        this.#logger.warn(
          { error: errorText(error) },
          "logs of deleted tasks could not be removed; trying again later",
        );
      }
    });
  }

  /** Ends after the round that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#mutex.run(async () => {});
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const taskIds = await this.#notes.list(ROUND);
      if (taskIds.length === 0) return;
      await this.#logs.delete(taskIds);
      await this.#notes.remove(taskIds);
    }
  }
}
