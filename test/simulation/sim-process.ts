import type { Clock } from "../../src/lib/clock.ts";
import type { Logger } from "../../src/lib/logger.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * A process of the simulation. All that it waits for comes through `after`; once it is killed nothing comes back any
 * more, so that its code stops where it is and its memory is gone.
 */
export class SimProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How far its clock is off. */
  skewMs: number;
  readonly #onKill = new Set<() => void>();
  #alive = true;
  #awakeSince = 0;
  #frozenUntil = 0;
  /** What came due while it stood still, in order. */
  readonly #deferred: (() => void)[] = [];

  constructor(scheduler: Scheduler, name: string, skewMs: number) {
    this.scheduler = scheduler;
    this.name = name;
    this.skewMs = skewMs;
    this.clock = simClock(this);
    const log = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
      if (this.#alive) scheduler.note(`${name} ${level}: ${message} ${fieldsText(fields)}`);
    };
    this.logger = { debug: () => {}, info: log("info"), warn: log("warn"), error: log("error") };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** When it last went on after it stood still, simulated time; what others told it meanwhile it has not read before. */
  get awakeSince(): number {
    return this.#awakeSince;
  }

  /** Fires if the process lives then; when it is frozen, once it goes on. */
  after(ms: number, fire: () => void): Disposable {
    let disposed = false;
    const attempt = () => {
      if (disposed || !this.#alive) return;
      if (this.#frozenUntil > this.scheduler.now) this.#deferred.push(attempt);
      else fire();
    };
    const event = this.scheduler.after(ms, attempt);
    return {
      [Symbol.dispose]: () => {
        disposed = true;
        event[Symbol.dispose]();
      },
    };
  }

  /** A promise that comes back in `ms`, unless the process is dead by then. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** It stands still, as after SIGSTOP. */
  freeze(ms: number): void {
    this.scheduler.note(`${this.name} stands still for ${Math.round(ms)} ms`);
    this.#frozenUntil = Math.max(this.#frozenUntil, this.scheduler.now + ms);
    this.scheduler.after(ms, () => {
      if (this.#frozenUntil <= this.scheduler.now) this.thaw();
    });
  }

  /** It goes on. */
  thaw(): void {
    if (this.#frozenUntil > 0) this.#awakeSince = this.scheduler.now;
    this.#frozenUntil = 0;
    for (const attempt of this.#deferred.splice(0)) this.scheduler.after(0, attempt);
  }

  /** It is gone, with all that it had in memory. */
  kill(): void {
    if (!this.#alive) return;
    this.scheduler.note(`${this.name} is killed`);
    this.#alive = false;
    for (const callback of this.#onKill) callback();
    this.#onKill.clear();
  }

  /** Tells of the death. */
  onKill(callback: () => void): Disposable {
    this.#onKill.add(callback);
    return { [Symbol.dispose]: () => void this.#onKill.delete(callback) };
  }
}

function simClock(process: SimProcess): Clock {
  return {
    now: () => Math.round(process.scheduler.now + process.skewMs),
    sleep: (ms, { signal }) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          timer[Symbol.dispose]();
          reject(signal?.reason);
        };
        const timer = process.after(ms, () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      }),
    timer: (ms, callback) => process.after(ms, callback),
  };
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields).map(([key, value]) => {
    const text = value instanceof Error ? value.message : typeof value === "object" ? "…" : String(value);
    return `${key}=${text}`;
  });
  return shown.join(" ");
}
