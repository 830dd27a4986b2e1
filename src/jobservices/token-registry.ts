import { AppError } from "../lib/errors.ts";
import type { JobIdentity, JobTokens } from "./job-identity.ts";

/** The tokens of the jobs that run in this process. */
export class TokenRegistry implements JobTokens {
  readonly #jobs = new Map<string, JobIdentity>();

  /** Knows a token until the result is disposed. */
  register(token: string, job: JobIdentity): Disposable {
    this.#jobs.set(token, job);
    return { [Symbol.dispose]: () => void this.#jobs.delete(token) };
  }

  async identify(token: string): Promise<JobIdentity> {
    const job = this.#jobs.get(token);
    if (job === undefined) {
      throw new AppError("unauthenticated", "the token does not belong to a running job; tokens of jobs end with them");
    }
    return job;
  }

  async isRunning(taskId: number): Promise<boolean> {
    return [...this.#jobs.values()].some((job) => job.taskId === taskId);
  }
}
