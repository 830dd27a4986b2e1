import type { Clock } from "../../lib/clock.ts";
import type { WaitingJob } from "./waiting-jobs.ts";

interface Entry extends Disposable {
  readonly job: WaitingJob;
}

/** The waiting jobs that are kept for one runner each, until it takes them or their reservation ends. */
export class ReservedJobs {
  readonly #clock: Clock;
  readonly #entries = new Map<number, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of jobs. */
  get size(): number {
    return this.#entries.size;
  }

  /** Ids of the jobs. */
  get ids(): readonly number[] {
    return [...this.#entries.keys()];
  }

  /** Keeps a job. @param onOver called when the reservation ends before the job is taken out */
  keep(job: WaitingJob, onOver: () => void): void {
    this.take(job.id);
    const ms = (job.reservation?.until ?? 0) - this.#clock.now();
    const timer = this.#clock.timer(Math.max(0, ms), () => {
      this.#entries.delete(job.id);
      onOver();
    });
    this.#entries.set(job.id, { job, [Symbol.dispose]: () => timer[Symbol.dispose]() });
  }

  /** Takes out a job; undefined when it is not there, or is kept for another runner than the one that is named. */
  take(jobId: number, runnerId?: number): WaitingJob | undefined {
    const entry = this.#entries.get(jobId);
    if (entry === undefined || (runnerId !== undefined && entry.job.reservation?.runnerId !== runnerId))
      return undefined;
    entry[Symbol.dispose]();
    this.#entries.delete(jobId);
    return entry.job;
  }

  /** Forgets all. */
  clear(): void {
    for (const id of this.ids) this.take(id);
  }
}
