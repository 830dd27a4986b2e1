import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Job } from "../domain/run.ts";
import type { LogMatch, LogQuery } from "../storage/log-store.ts";
import type { Store } from "../storage/store.ts";

/** Longer ones are no search any more. */
const LONGEST_TEXT = 1_000;
/** What a caller waits for at most. */
const LONGEST_MS = 10_000;
/** A search uses all threads that read logs, and others wait for them. */
const AT_ONCE = 4;

/** A row of a run's logs that holds what was searched for. */
export interface FoundRow {
  readonly job: Job;
  readonly match: LogMatch;
}

/** How a search went, told behind its last row. */
export interface SearchEnd {
  readonly matches: number;
  /** Rows that were looked through. */
  readonly searchedRows: number;
  /** Why it did not come to the end, or null. */
  readonly stoppedBy: "limit" | "time" | null;
}

/** Searches the logs of runs, within bounds of time and of matches. */
export class LogSearch {
  readonly #store: Store;
  readonly #clock: Clock;
  #running = 0;

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /**
   * The rows of these jobs that hold the text, job by job in order, then how it went.
   * @throws AppError invalid for a text that cannot be searched for · exhausted when too many searches run
   */
  search(
    jobs: readonly Job[],
    query: LogQuery,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<FoundRow, SearchEnd> {
    const { text } = query;
    if (text === "" || text.length > LONGEST_TEXT || /[\n\r]/.test(text)) {
      throw new AppError("invalid", `the text to search for must be one line of 1 to ${LONGEST_TEXT} characters`);
    }
    if (this.#running >= AT_ONCE) {
      throw new AppError("exhausted", `${AT_ONCE} searches of logs run already; try again in a few seconds`);
    }
    return this.#search(jobs, query, options);
  }

  async *#search(
    jobs: readonly Job[],
    query: LogQuery,
    { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  ): AsyncGenerator<FoundRow, SearchEnd> {
    const late = new AbortController();
    using _timer = this.#clock.timer(LONGEST_MS, () => late.abort());
    this.#running++;
    try {
      const ends = AbortSignal.any([signal, late.signal]);
      let matches = 0;
      let searchedRows = 0;
      for (const job of jobs) {
        if (job.taskId === null) continue;
        let nextRow = 0;
        const steps = this.#store.logs.search(job.taskId, query, { limit: limit + 1 - matches, signal: ends });
        for await (const step of steps) {
          for (const match of step.matches) {
            if (matches === limit) return { matches, searchedRows: searchedRows + match.row, stoppedBy: "limit" };
            matches++;
            yield { job, match };
          }
          nextRow = step.nextRow;
        }
        searchedRows += nextRow;
        if (ends.aborted) return { matches, searchedRows, stoppedBy: "time" };
      }
      return { matches, searchedRows, stoppedBy: null };
    } finally {
      this.#running--;
    }
  }
}
