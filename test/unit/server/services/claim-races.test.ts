import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { jobHandle } from "../../../../src/server/domain/job-handle.ts";
import type { ProtocolServices } from "../../../../src/server/services/protocol-services.ts";
import type { Store } from "../../../../src/server/storage/store.ts";
import { openSubject, servicesOn } from "../../../contract/runner-protocol.fixture.ts";
import { eventually } from "../../../support/eventually.ts";
import { storeKinds } from "../../../support/stores.ts";
import { FakeClock } from "./fake-clock.ts";

const ACTOR = { accountId: null, address: null };

async function makeRunner({ registrationTokens, registerRunner }: ProtocolServices) {
  const token = await registrationTokens.current({ kind: "global" }, ACTOR);
  const about = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [] };
  return (await registerRunner.register(about, "127.0.0.1")).runner;
}

/** Keeps the lock of a run. @returns lets it go */
async function holdRun(store: Store, runId: number): Promise<() => Promise<void>> {
  const [locked, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const holding = store.write(async (tx) => {
    await tx.runs.lock(runId);
    locked.resolve();
    await ended.promise;
  });
  await locked.promise;
  return async () => {
    ended.resolve();
    await holding;
  };
}

/** A call that does not wait for a job to come. */
const atOnce = () => ({ timeoutMs: 60_000, waitMs: 0, requestKey: null, signal: new AbortController().signal });

describe.each(storeKinds.filter(({ skip }) => skip === undefined))("claims of two servers on one $name", (kind) => {
  it("give each job to one runner", async () => {
    await using subject = await openSubject({ kind });
    await using second = servicesOn(subject.store, systemClock);
    await second.start();
    const jobs = await subject.addJobs(50);
    second.dispatcher.jobsReady(jobs);
    const taken: number[] = [];
    const poll = async (services: ProtocolServices) => {
      const runner = await makeRunner(services);
      for (;;) {
        const { payload } = await services.assignTask.fetch(runner, atOnce());
        if (payload === undefined) return;
        taken.push(payload.id);
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => poll(i % 2 === 0 ? subject.services : second)));
    expect(taken).toHaveLength(50);
    expect(new Set(taken).size).toBe(50);
    for (const job of jobs) expect(await subject.store.read.tasks.listByJob(job.id)).toHaveLength(1);
  });

  it("bring a job to each of 20 polls that come once and at the same time, though each server knows all 20 jobs", async () => {
    await using subject = await openSubject({ kind });
    await using second = servicesOn(subject.store, systemClock);
    const pollers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const services = index % 2 === 0 ? subject.services : second;
        return { services, runner: await makeRunner(services) };
      }),
    );
    const jobs = await subject.addJobs(20);
    await second.dispatcher.reconcile();
    const answers = await Promise.all(
      pollers.map(({ services, runner }) => services.assignTask.fetch(runner, atOnce())),
    );
    const claimed = await Promise.all(jobs.map(({ id }) => subject.store.read.jobs.get(id)));
    const given = new Set(answers.map(({ payload }) => payload?.id));
    expect(given).toEqual(new Set(claimed.map((job) => job?.taskId)));
    expect(given.size).toBe(20);
  });

  it("are waited for as long as the caller waits, also when he asks for what is there now, or for one job", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ kind, clock });
    const { services, store } = subject;
    const runner = await makeRunner(services);
    const call = atOnce();
    for (const how of ["now", "handle"] as const) {
      const [job] = await subject.addJobs(1);
      if (job === undefined) throw new Error("no job");
      const letGo = await holdRun(store, job.runId);
      const handle = jobHandle({ jobId: job.id, attempt: job.attempt });
      const { assignTask } = services;
      const asked = how === "now" ? assignTask.fetch(runner, call) : assignTask.fetchByHandle(runner, handle, call);
      await eventually("the claim", () => services.dispatcher.counts.waitingJobs === 0);
      clock.advance(5_000);
      await letGo();
      expect([how, (await asked).payload === undefined]).toEqual([how, false]);
    }
  });

  it("make no task for a caller that has gone while they waited for the lock; the job goes to the next", async () => {
    await using subject = await openSubject({ kind });
    const { services, store } = subject;
    const [job] = await subject.addJobs(1);
    if (job === undefined) throw new Error("no job");
    const runner = await makeRunner(services);
    const caller = new AbortController();
    const letGo = await holdRun(store, job.runId);
    const late = services.assignTask.fetch(runner, { timeoutMs: 5_000, requestKey: null, signal: caller.signal });
    await eventually("the claim", () => services.dispatcher.counts.waitingJobs === 0);
    caller.abort();
    await letGo();
    expect((await late).payload).toBeUndefined();
    expect(await store.read.tasks.listByJob(job.id)).toEqual([]);
    const call = { timeoutMs: 5_000, requestKey: null, signal: new AbortController().signal };
    expect((await services.assignTask.fetch(runner, call)).payload).toBeDefined();
  });
});
