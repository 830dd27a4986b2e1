import type { Store } from "../storage/store.ts";

interface Line {
  /** Reports: a runner that is not answered in time reports again. */
  readonly reports: (() => void)[];
  readonly claims: (() => void)[];
}

/**
 * Lets the transactions on one run begin one after the other, reports before claims. On a database that locks rows they
 * would wait for the run's row in any case, but each with a connection of the pool in its hands, and without noticing that
 * its caller has given up meanwhile: under load nothing else would go on.
 */
export class RunTurns {
  readonly #lines = new Map<number, Line>();
  readonly #isNeeded: boolean;

  constructor(store: Pick<Store, "kind">) {
    // SQLite has one writer anyway, which commits what waits together.
    this.#isNeeded = store.kind === "mysql";
  }

  /** Runs a report, or another change of a task. @param runId undefined: not known, so that there is no turn to wait for */
  report<T>(runId: number | undefined, work: () => Promise<T>): Promise<T> {
    return this.#run(runId, "reports", work);
  }

  /** Runs a claim. */
  claim<T>(runId: number, work: () => Promise<T>): Promise<T> {
    return this.#run(runId, "claims", work);
  }

  async #run<T>(runId: number | undefined, kind: keyof Line, work: () => Promise<T>): Promise<T> {
    if (runId === undefined || !this.#isNeeded) return await work();
    const line = this.#lines.get(runId);
    if (line === undefined) this.#lines.set(runId, { reports: [], claims: [] });
    else await new Promise<void>((resolve) => line[kind].push(resolve));
    try {
      return await work();
    } finally {
      this.#next(runId);
    }
  }

  #next(runId: number): void {
    const line = this.#lines.get(runId);
    const next = line?.reports.shift() ?? line?.claims.shift();
    if (next === undefined) this.#lines.delete(runId);
    else next();
  }
}
