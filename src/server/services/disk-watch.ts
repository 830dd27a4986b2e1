import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";

/** How often the disk is looked at: at 1 GB/s of logs and artifacts a mark of some GiB is not overrun. */
const LOOK_MS = 5_000;
const MIB = 1024 * 1024;

/** What a watch is made of. */
export interface DiskWatchDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Bytes that may still be written. */
  readonly freeBytes: () => Promise<number>;
  /** Fewest free bytes; 0 turns the watch off. */
  readonly mark: number;
  /** Told when offers begin or end to be held back. */
  readonly hold: (held: boolean) => void;
}

/**
 * Watches the free space of the data directory. Below the mark no work is offered, so that what runs can still store
 * its logs and results; above it by a tenth, work is offered again.
 */
export class DiskWatch implements AsyncDisposable {
  readonly #deps: DiskWatchDeps;
  readonly #stopping = new AbortController();
  #remark: string | null = null;
  #running: Promise<void> | undefined;

  constructor(deps: DiskWatchDeps) {
    this.#deps = deps;
  }

  /** What is wrong, as a sentence for people; null while there is space. */
  get remark(): string | null {
    return this.#remark;
  }

  /** Looks once, and then again and again until disposed. */
  async start(): Promise<void> {
    if (this.#deps.mark === 0) return;
    await this.#look();
    this.#running = this.#watch(this.#stopping.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(LOOK_MS, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const { freeBytes, mark, hold, log } = this.#deps;
    try {
      const free = await freeBytes();
      const low = free < (this.#remark === null ? mark : mark * 1.1);
      const [freeMiB, markMiB] = [Math.floor(free / MIB), Math.ceil(mark / MIB)];
      const before = this.#remark;
      this.#remark = low
        ? `no work is offered: ${freeMiB} MiB of disk are free, ${markMiB} are needed; free some space`
        : null;
      if (low === (before !== null)) return;
      hold(low);
      if (low) log.warn({ freeMiB, markMiB }, "the disk is nearly full; no work is offered until there is space");
      else log.info({ freeMiB }, "the disk has space again; work is offered");
    } catch (error) {
      log.warn({ error: errorText(error) }, "the free space of the disk cannot be read");
    }
  }
}
