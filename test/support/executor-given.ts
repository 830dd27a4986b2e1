import type { JobEnvironment } from "../../src/executors/executor.ts";
import { type ExecutorSubject, nextJobId } from "./executor-subject.ts";

/** What a test of an executor gets. */
export interface Given {
  readonly subject: ExecutorSubject;
  /** A prepared environment, disposed after the test. */
  readonly job: JobEnvironment;
}

/** Tests by title. */
export type ExecutorTests = Record<string, (given: Given) => Promise<void>>;

/** Prepares a job with an id of its own. */
export async function prepare({ executor }: ExecutorSubject, repository = "octo/hello"): Promise<JobEnvironment> {
  return await executor.prepare({ id: nextJobId(), repository }, { signal: new AbortController().signal });
}
