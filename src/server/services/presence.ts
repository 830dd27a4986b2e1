import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { Mutex } from "../../lib/mutex.ts";
import type { Runner } from "../domain/runner.ts";
import type { Store } from "../storage/store.ts";

interface Stamp {
  lastOnline: number;
  lastActive: number | null;
  changed: boolean;
}

const FLUSH_EVERY_MS = 1_000;
const KEEP_MS = 10 * 60_000;

/**
 * When runners were last heard of. A call costs no SQL: the stamps are kept in memory and written in one statement, at
 * most once a second. A stamp that is lost with the process is no harm, so failures are only logged.
 */
export class Presence implements AsyncDisposable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stamps = new Map<number, Stamp>();
  readonly #writing = new Mutex();
  #timer: Disposable | undefined;
  #closed = false;

  constructor(deps: { readonly store: Store; readonly clock: Clock; readonly log: Logger }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** The runner made a call; `active` when the call was a report on a task. */
  stamp(runnerId: number, active: boolean): void {
    const now = this.#clock.now();
    const stamp = this.#stamps.get(runnerId);
    if (stamp === undefined) {
      this.#stamps.set(runnerId, { lastOnline: now, lastActive: active ? now : null, changed: true });
    } else {
      stamp.lastOnline = now;
      if (active) stamp.lastActive = now;
      stamp.changed = true;
    }
    if (this.#timer === undefined && !this.#closed) {
      this.#timer = this.#clock.timer(FLUSH_EVERY_MS, () => {
        this.#timer = undefined;
        void this.flush();
      });
    }
  }

  /** The runner with the newest stamps, for lists and for its status. */
  current(runner: Runner): Runner {
    const stamp = this.#stamps.get(runner.id);
    if (stamp === undefined) return runner;
    const lastOnline = Math.max(stamp.lastOnline, runner.lastOnline ?? 0);
    const lastActive = Math.max(stamp.lastActive ?? 0, runner.lastActive ?? 0);
    return { ...runner, lastOnline, lastActive: lastActive === 0 ? null : lastActive };
  }

  /** When the runner last reported on a task, or null when that is longer ago than this process remembers. */
  lastActive(runnerId: number): number | null {
    return this.#stamps.get(runnerId)?.lastActive ?? null;
  }

  /** Writes what changed since the last flush. */
  flush(): Promise<void> {
    return this.#writing.run(() => this.#write());
  }

  /** Writes the last stamps. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.flush();
  }

  async #write(): Promise<void> {
    const oldest = this.#clock.now() - KEEP_MS;
    const rows: { id: number; lastOnline: number; lastActive: number | null }[] = [];
    for (const [id, stamp] of this.#stamps) {
      if (stamp.changed) {
        rows.push({ id, lastOnline: stamp.lastOnline, lastActive: stamp.lastActive });
        stamp.changed = false;
      } else if (stamp.lastOnline < oldest) this.#stamps.delete(id);
    }
    if (rows.length === 0) return;
    try {
      await this.#store.write((tx) => tx.runners.touch(rows));
    } catch (error) {
      this.#log.warn({ runners: rows.length, error: errorText(error) }, "the presence of runners was not written");
    }
  }
}
