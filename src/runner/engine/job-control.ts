import type { KillReason } from "../../executors/executor.ts";
import type { Clock } from "../../lib/clock.ts";

/** A runner that shuts down does not wait longer: service managers kill it after about 90 s. */
const SHUTDOWN_GRACE_MS = 30_000;

/**
 * What ends a job before its last step.
 *
 * ```
 * running ──cancel, shutdown, time out──► stopping ──the grace period is over──► killing
 *            `stopping` aborts: steps whose         `killing` aborts: everything
 *            condition no longer holds end          ends, no step starts
 * ```
 */
export class JobControl implements Disposable {
  readonly #stopping = new AbortController();
  readonly #killing = new AbortController();
  readonly #timers = new DisposableStack();
  readonly #clock: Clock;
  #graceMs: number;

  /**
   * @param options.signal aborts with a KillReason when the job is to end
   * @param options.graceMs how long `always()` steps may go on after that
   */
  constructor(clock: Clock, options: { signal: AbortSignal; graceMs: number }) {
    this.#clock = clock;
    this.#graceMs = options.graceMs;
    const { signal } = options;
    const onAbort = () => this.stop(toKillReason(signal.reason));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    this.#timers.defer(() => signal.removeEventListener("abort", onAbort));
  }

  /** Aborts when the job is to end; the reason is a KillReason. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Aborts when the grace period is over. */
  get killing(): AbortSignal {
    return this.#killing.signal;
  }

  /** Why the job ends early, or undefined. */
  get reason(): KillReason | undefined {
    return this.#stopping.signal.aborted ? (this.#stopping.signal.reason as KillReason) : undefined;
  }

  /** Sets how long `always()` steps may go on; for jobs with `cancel-timeout-minutes`. */
  setGrace(ms: number): void {
    this.#graceMs = ms;
  }

  /** Ends the job when it has run for `ms`. */
  limit(ms: number): void {
    this.#timers.use(this.#clock.timer(ms, () => this.stop("timeout")));
  }

  /** Ends the job; the first reason stays. */
  stop(reason: KillReason): void {
    if (this.#stopping.signal.aborted) return;
    const graceMs = reason === "shutdown" ? Math.min(this.#graceMs, SHUTDOWN_GRACE_MS) : this.#graceMs;
    this.#timers.use(this.#clock.timer(graceMs, () => this.#killing.abort(reason)));
    this.#stopping.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#timers.dispose();
  }
}

const KILL_REASONS: ReadonlySet<unknown> = new Set<KillReason>(["shutdown", "cancelled", "timeout"]);

function toKillReason(reason: unknown): KillReason {
  return KILL_REASONS.has(reason) ? (reason as KillReason) : "cancelled";
}
