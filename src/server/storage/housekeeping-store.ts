/** What is known of a periodic job, on whichever replica it runs. */
export interface CronState {
  readonly name: string;
  /** A replica is at it, or was when it crashed. */
  readonly running: boolean;
  /** The replica that was at it did not keep its lease: another one may take it over. */
  readonly abandoned: boolean;
  /** The moment of the schedule (or of the request) that the last run was for, epoch ms. */
  readonly dueAt: number | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Number of runs that ended. */
  readonly runs: number;
  /** What the last run did, in one sentence. */
  readonly outcome: string | null;
}

/** A page of ids by id: those above `afterId`, at most `limit`. */
export interface IdPage {
  readonly afterId: number;
  readonly limit: number;
}

/** What is looked for to be cleaned up; times are epoch ms. */
export interface HousekeepingReads {
  crons(): Promise<readonly CronState[]>;
  /**
   * Jobs that nothing has happened to since `before`: those that wait for a runner, and those that are blocked in a run
   * in which nothing waits, runs or has ended since, and none waits for a concurrency group.
   */
  abandonedJobs(before: number, page: IdPage): Promise<readonly number[]>;
  /**
   * Runners that can do nothing any more: never used by their time, made for a job that waits no longer, ephemeral with
   * a task that has ended, of a repository or owner that is gone. None of them has an open task.
   */
  uselessRunners(now: number, page: IdPage): Promise<readonly number[]>;
  /** Runners without an open task that have not called since `before`. */
  offlineRunners(before: number, which: { readonly ephemeral: boolean }, page: IdPage): Promise<readonly number[]>;
}

/** Deletes and marks in chunks of at most `limit` rows; each returns how many there were. */
export interface HousekeepingWrites extends HousekeepingReads {
  /**
   * Takes the periodic job for a replica, by the database's clock. False when another one is at it, or when the run for
   * `dueAt` or a later moment was begun already; a run whose replica crashed may be begun again.
   */
  beginCron(name: string, holder: string, dueAt: number, leaseMs: number): Promise<boolean>;
  /** Keeps it for longer; false when the lease was lost. */
  keepCron(name: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Gives it back. Does nothing when the lease was lost. */
  endCron(name: string, holder: string, outcome: string): Promise<void>;
  /** Deletes rows of the audit log that are older than `before`. */
  purgeAudit(before: number, limit: number): Promise<number>;
  /** Deletes the rows of runners that were soft-deleted before `before`. */
  purgeRunners(before: number, limit: number): Promise<number>;
}
