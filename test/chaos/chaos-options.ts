/** How a chaos run goes. */
export interface ChaosOptions {
  /** Of everything that is left to chance. */
  readonly seed: number;
  readonly jobs: number;
  readonly pollers: number;
  readonly replicas: number;
  /** Pause of a poller after an empty poll and between its reports. */
  readonly tickMs: number;
  /** Mean time between two kills of a replica; 0: none. */
  readonly killEveryMs: number;
  /** How long the database is away once, when a quarter of the jobs are done; 0: never. */
  readonly databaseStopMs: number;
  /** Share of the answers that are lost. */
  readonly loss: number;
  /** Share of the polls and tasks that a poller gives up. */
  readonly aborts: number;
  /** The run fails when it takes longer. */
  readonly limitMs: number;
}

/** The run that `npm run test:chaos` makes. */
export const FULL_CHAOS: ChaosOptions = {
  ...{ seed: 1, jobs: 5_000, pollers: 200, replicas: 3 },
  ...{ tickMs: 1_000, killEveryMs: 15_000, databaseStopMs: 60_000 },
  ...{ loss: 0.02, aborts: 0.05, limitMs: 30 * 60_000 },
};
