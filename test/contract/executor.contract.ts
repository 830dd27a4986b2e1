import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Given, prepare } from "../support/executor-given.ts";
import type { ExecutorSubject } from "../support/executor-subject.ts";
import { lifecycleTests } from "./executor-lifecycle-tests.ts";
import { processTests } from "./executor-process-tests.ts";

/** Tests that an implementation cannot pass, and why. */
export interface Skip {
  readonly reason: string;
  /** Titles, or beginnings of titles. */
  readonly tests: readonly string[];
}

/** What every Executor does. Uses nothing but sh, sleep, cat, seq, printf, head and env in the job. */
export function executorContract(
  name: string,
  makeSubject: () => Promise<ExecutorSubject>,
  { skip = [] }: { skip?: readonly Skip[] } = {},
): void {
  describe(`executor ${name}`, () => {
    let given: Given;

    beforeEach(async () => {
      const subject = await makeSubject();
      given = { subject, job: await prepare(subject) };
    });

    afterEach(async () => {
      const { subject, job } = given;
      await job[Symbol.asyncDispose]();
      expect(await subject.leftovers()).toEqual([]);
      await subject[Symbol.asyncDispose]();
    });

    for (const [title, test] of Object.entries({ ...processTests, ...lifecycleTests })) {
      const reason = skip.find(({ tests }) => tests.some((skipped) => title.startsWith(skipped)))?.reason;
      if (reason === undefined) it(title, () => test(given));
      else it.skip(`${title} (skipped: ${reason})`);
    }
  });
}
