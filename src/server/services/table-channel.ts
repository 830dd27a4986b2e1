import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { WakeUp } from "../../lib/wake-up.ts";
import type { ChangeLog } from "../storage/store.ts";
import type { Urgency } from "./change-bus.ts";
import type { ChangeChannel } from "./replica-bus.ts";
import { StatementBudget } from "./statement-budget.ts";

/** All statements together. */
const BUDGET = { perSecond: 5, burst: 3 };
/** Pause between two looks; with the statement itself that stays below a quarter of a second. */
const READ_EVERY_MS = 225;
/** The same while a faster channel works; and longest wait of a text that is not urgent, or goes the faster way, too. */
const RELAXED_MS = 1_000;
/** Ids commit out of order: so long after a row was seen, smaller ids are still looked for. */
const REREAD_MS = 10_000;
/** Most rows of one look. */
const READ_ROWS = 500;
/** Most characters of one row, unless a single text is longer. */
const ROW_CHARACTERS = 1024 * 1024;
/** Texts that wait while the database is away; the oldest go first, and the reconciliation makes up for them. */
const LARGEST_OUTBOX = 10_000;
/** Rows that were there for a round and longer are deleted. */
const PRUNE_EVERY_MS = 60_000;
const PRUNE_ROWS = 500;
/** Pause after the database was away. */
const RETRY_MS = 1_000;

/**
 * Carries texts over a table of the database, which is read every 225 ms. What was sent since the last write shares one
 * row. Reading, writing and deleting together stay below five statements a second: a replica that sends without pause
 * writes and reads by turns, every 400 ms each.
 */
export class TableChannel implements ChangeChannel, AsyncDisposable {
  readonly #table: ChangeLog;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #isRelaxed: () => boolean;
  readonly #budget: StatementBudget;
  readonly #outbox: string[] = [];
  readonly #wake = new WakeUp();
  readonly #stopping = new AbortController();
  /** Rows above the floor that were read, with the time at which. */
  readonly #seen = new Map<number, number>();
  #listener: (text: string) => void = () => undefined;
  #floor = 0;
  #pruneUpTo = 0;
  #readAt = 0;
  /** When the outbox is to be written. */
  #writeAt = Number.POSITIVE_INFINITY;
  #wroteAt = 0;
  #prunedAt = 0;
  #away = false;
  #loop: Promise<void> | undefined;

  constructor(deps: {
    readonly table: ChangeLog;
    readonly clock: Clock;
    readonly log: Logger;
    /** Whether a faster channel works, so that this one may take its time. @default never */
    readonly isRelaxed?: () => boolean;
  }) {
    this.#table = deps.table;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#isRelaxed = deps.isRelaxed ?? (() => false);
    this.#budget = new StatementBudget(deps.clock, BUDGET);
  }

  /** Begins with what comes from now on. @throws AppError unavailable when the database is away */
  async start(): Promise<void> {
    this.#floor = this.#pruneUpTo = await this.#table.newest();
    this.#readAt = this.#prunedAt = this.#clock.now();
    this.#loop = this.#run(this.#stopping.signal);
  }

  send(text: string, urgency: Urgency): void {
    if (this.#outbox.push(text) > LARGEST_OUTBOX) this.#outbox.shift();
    const isUrgent = urgency === "now" && !this.#isRelaxed();
    this.#writeAt = Math.min(this.#writeAt, this.#clock.now() + (isUrgent ? 0 : RELAXED_MS));
    this.#wake.wake();
  }

  listen(listener: (text: string) => void): void {
    this.#listener = listener;
  }

  /** Writes what still waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    if (this.#outbox.length > 0) await this.#write().catch(() => undefined);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ms = Math.max(this.#budget.waitMs, Math.min(this.#readIn(), this.#writeIn()));
      if (ms > 0) await this.#wake.wait({ within: { clock: this.#clock, ms }, signal });
      else await this.#step(signal);
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    try {
      this.#budget.take();
      const readFirst = this.#readIn() <= 0 && (this.#writeIn() > 0 || this.#readAt <= this.#wroteAt);
      if (readFirst) await this.#read();
      else await this.#write();
      if (this.#budget.waitMs === 0) await this.#prune();
      if (this.#away) this.#log.info({}, "changes cross between the replicas again");
      this.#away = false;
    } catch (error) {
      if (!this.#away) {
        this.#log.warn({ error: errorText(error) }, "changes do not cross between the replicas now; trying on");
      }
      this.#away = true;
      await this.#clock.sleep(RETRY_MS, { signal }).catch(() => undefined);
    }
  }

  #readIn(): number {
    return this.#readAt + (this.#isRelaxed() ? RELAXED_MS : READ_EVERY_MS) - this.#clock.now();
  }

  #writeIn(): number {
    return this.#writeAt - this.#clock.now();
  }

  async #read(): Promise<void> {
    const now = this.#clock.now();
    this.#readAt = now;
    const rows = await this.#table.read({ after: this.#floor, except: [...this.#seen.keys()], limit: READ_ROWS });
    for (const { id, message } of rows) {
      this.#seen.set(id, now);
      for (const text of textsOf(message)) this.#listener(text);
    }
    for (const [id, at] of this.#seen) if (at <= now - REREAD_MS) this.#floor = Math.max(this.#floor, id);
    for (const id of this.#seen.keys()) if (id <= this.#floor) this.#seen.delete(id);
    // There may be more.
    if (rows.length === READ_ROWS) this.#readAt = 0;
  }

  async #write(): Promise<void> {
    this.#wroteAt = this.#clock.now();
    let characters = 0;
    let count = 0;
    for (; count < this.#outbox.length && (count === 0 || characters < ROW_CHARACTERS); count++) {
      characters += this.#outbox[count]?.length ?? 0;
    }
    const texts = this.#outbox.splice(0, count);
    if (this.#outbox.length === 0) this.#writeAt = Number.POSITIVE_INFINITY;
    try {
      await this.#table.append(JSON.stringify(texts));
    } catch (error) {
      this.#outbox.unshift(...texts);
      this.#writeAt = this.#clock.now();
      throw error;
    }
  }

  async #prune(): Promise<void> {
    const now = this.#clock.now();
    if (now - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#budget.take();
    if ((await this.#table.prune(this.#pruneUpTo, PRUNE_ROWS)) === PRUNE_ROWS) return;
    this.#prunedAt = now;
    this.#pruneUpTo = this.#floor;
  }
}

function textsOf(message: string): readonly string[] {
  const texts: unknown = JSON.parse(message);
  return Array.isArray(texts) ? texts.filter((text) => typeof text === "string") : [];
}
