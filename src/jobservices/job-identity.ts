/** The running job behind a runtime token, and what of the caches it may use. */
export interface JobIdentity {
  readonly taskId: number;
  readonly jobId: number;
  readonly runId: number;
  /** Attempt of the job, from 1. */
  readonly attempt: number;
  readonly repositoryId: number;
  /** Refs whose caches it may read, in the order in which they are looked through: its own, its base, the default branch. */
  readonly cacheRefs: readonly string[];
  /** The ref it saves caches for. */
  readonly cacheRef: string;
}

/** Tells which running job a token belongs to. Tokens die with their task. */
export interface JobTokens {
  /** @throws AppError unauthenticated when it is none of ours, or its task has ended */
  identify(token: string): Promise<JobIdentity>;
  /** Whether a task still runs; the addresses for uploads die with it. */
  isRunning(taskId: number): Promise<boolean>;
}
