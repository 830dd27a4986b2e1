import { describe, expect, it, vi } from "vitest";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import type { Runner } from "../../../../src/server/domain/runner.ts";
import { legFields } from "../../../../src/server/services/new-jobs.ts";
import { expandJob } from "../../../../src/workflow/expand-job.ts";
import { openSubject, type ProtocolSubject, servicesOn } from "../../../contract/runner-protocol.fixture.ts";
import { eventually } from "../../../support/eventually.ts";
import { job as defined } from "../../workflow/evaluate.ts";
import { FakeClock } from "./fake-clock.ts";

const NOTHING = { github: null, inputs: null, vars: null };
const ACTOR = { accountId: null, address: null };

async function makeRunner(
  { services }: ProtocolSubject,
  patch: Partial<{ ephemeral: boolean; capabilities: string[] }> = {},
) {
  const token = await services.registrationTokens.current({ kind: "global" }, ACTOR);
  const { runner } = await services.registerRunner.register(
    { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [], ...patch },
    "127.0.0.1",
  );
  return runner;
}

function fetchNow({ services }: ProtocolSubject, runner: Runner, requestKey: string | null = null) {
  return services.assignTask.fetch(runner, { timeoutMs: 0, requestKey, signal: new AbortController().signal });
}

async function taken(subject: ProtocolSubject, runner: Runner) {
  const { payload } = await fetchNow(subject, runner);
  if (payload === undefined) throw new Error("no task");
  return payload;
}

/** The runner has begun with the first step. */
function acknowledge({ services }: ProtocolSubject, runner: Runner, taskId: number) {
  const steps = [{ index: 0, result: null, logIndex: 0, logLength: 0, startedAt: 1, stoppedAt: null }];
  return services.updateTask.report(runner.id, { taskId, result: null, steps, outputs: {} });
}

/** Lets time pass in steps that no lease takes for a stand-still. */
async function pass(clock: FakeClock, { services }: ProtocolSubject, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    clock.advance(Math.min(left, 10_000));
    await services.leaseKeeper.tick();
  }
}

describe("leases of tasks", () => {
  it("offers a task that was not acknowledged again after 10 s, under the same id", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const first = await taken(subject, runner);
    expect((await fetchNow(subject, runner)).payload).toBeUndefined();
    clock.advance(10_000);
    const again = await taken(subject, runner);
    expect(again.id).toBe(first.id);
    expect(again.context["token"]).not.toBe(first.context["token"]);
    await expect(subject.services.taskIdentity.byToken(String(first.context["token"]))).rejects.toThrow();
    expect((await subject.services.taskIdentity.byToken(String(again.context["token"]))).id).toBe(first.id);
    expect((await subject.services.taskIdentity.byRuntimeToken(String(again.context["gitea_runtime_token"]))).id).toBe(
      first.id,
    );
    await acknowledge(subject, runner, first.id);
    clock.advance(20_000);
    expect((await fetchNow(subject, runner)).payload).toBeUndefined();
  });

  it("wakes a parked poll for the offer that falls due", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const first = await taken(subject, runner);
    const poll = subject.services.assignTask.fetch(runner, {
      ...{ timeoutMs: 50_000, requestKey: null },
      signal: new AbortController().signal,
    });
    await eventually("parked", () => subject.services.dispatcher.counts.parkedPolls === 1);
    clock.advance(10_000);
    expect((await poll).payload?.id).toBe(first.id);
  });

  it("gives a job to the next runner when the first never spoke of it", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const [silent, other] = [await makeRunner(subject), await makeRunner(subject)];
    const [job] = await subject.addJobs(1);
    const first = await taken(subject, silent);
    for (let i = 0; i < 6; i++) {
      clock.advance(10_000);
      await subject.services.leaseKeeper.tick();
    }
    expect(await subject.store.read.tasks.get(first.id)).toMatchObject({
      status: "cancelled",
      cause: "not_acknowledged",
    });
    const second = await taken(subject, other);
    expect(second.id).not.toBe(first.id);
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({
      status: "running",
      delivery: 2,
      taskId: second.id,
    });
    const late = await subject.services.updateTask.report(silent.id, {
      ...{ taskId: first.id, result: "success", steps: [], outputs: { a: "1" } },
    });
    expect(late).toEqual({ result: "cancelled", sentOutputs: ["a"] });
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "running", outputs: {} });
    await expect(subject.services.taskIdentity.byToken(String(first.context["token"]))).rejects.toThrow();
  });

  it("gives a silent runner up after 120 s", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    const { id } = await taken(subject, runner);
    await acknowledge(subject, runner, id);
    for (let i = 0; i < 11; i++) {
      clock.advance(10_000);
      await subject.services.leaseKeeper.tick();
    }
    expect((await subject.store.read.jobs.get(job?.id ?? 0))?.status).toBe("running");
    clock.advance(10_000);
    await subject.services.leaseKeeper.tick();
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "failure", cause: "runner_lost" });
    expect((await acknowledge(subject, runner, id)).result).toBe("cancelled");
  });

  it("gives everyone a fresh lease after the process stood still", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    await acknowledge(subject, runner, (await taken(subject, runner)).id);
    clock.advance(600_000);
    await subject.services.leaseKeeper.tick();
    expect((await subject.store.read.jobs.get(job?.id ?? 0))?.status).toBe("running");
  });

  it("shortens the patience after the runner declared itself anew", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    await acknowledge(subject, runner, (await taken(subject, runner)).id);
    await subject.services.declareRunner.declare(runner, { version: "2", labels: ["linux"], capabilities: [] });
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      await subject.services.leaseKeeper.tick();
    }
    expect((await subject.store.read.jobs.get(job?.id ?? 0))?.cause).toBe("runner_lost");
  });

  it("keeps the task of a runner that speaks to another replica, also one that is under suspicion here", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    await using other = servicesOn(subject.store, clock);
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    const { id } = await taken(subject, runner);
    await acknowledge(subject, runner, id);
    await other.openTasks.load();
    await subject.services.declareRunner.declare(runner, { version: "2", labels: ["linux"], capabilities: [] });
    for (let i = 0; i < 30; i++) {
      clock.advance(5_000);
      await acknowledge({ ...subject, services: other }, runner, id);
      await other.leaseKeeper.tick();
      await subject.services.leaseKeeper.tick();
    }
    expect((await subject.store.read.jobs.get(job?.id ?? 0))?.status).toBe("running");
  });

  it("does not take a task back that was offered again meanwhile", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    const { id } = await taken(subject, runner);
    clock.advance(10_000);
    expect((await taken(subject, runner)).id).toBe(id);
    await subject.services.assignTask.giveBack(id);
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "running", taskId: id });
  });

  it("ends the tasks of a runner that is deleted", async () => {
    await using subject = await openSubject({ clock: new FakeClock() });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    await acknowledge(subject, runner, (await taken(subject, runner)).id);
    await subject.services.editRunner.delete(runner.id, ACTOR);
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({
      status: "failure",
      cause: "runner_deleted",
    });
  });

  it("tells a runner that is deleted in the middle of a job to end it, and takes the rest of the log", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services, store } = subject;
    const token = await services.registrationTokens.current({ kind: "global" }, ACTOR);
    const about = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [] };
    const registered = await services.registerRunner.register(about, "127.0.0.1");
    const { runner } = registered;
    const [job] = await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    await acknowledge(subject, runner, taskId);
    await services.editRunner.delete(runner.id, ACTOR);
    const identify = () => services.identity.identify(runner.uuid, registered.token, "a");
    expect((await identify()).deletedAt).not.toBeNull();
    const report = (result: "success" | null) =>
      services.updateTask.report(runner.id, { taskId, result, steps: [], outputs: {} });
    expect((await report(null)).result).toBe("cancelled");
    const rows = [{ time: 1, content: "cleaned up" }];
    expect(await services.appendLog.append(runner.id, { taskId, index: 0, rows: packRows(rows), noMore: true })).toBe(
      1,
    );
    expect((await report("success")).result).toBe("cancelled");
    expect((await store.read.jobs.get(job?.id ?? 0))?.cause).toBe("runner_deleted");
    clock.advance(5 * 60_000);
    await expect(identify()).rejects.toThrow(/unregistered runner$/);
  });

  it("gives a job back at once when its answer was not sent", async () => {
    await using subject = await openSubject({ clock: new FakeClock() });
    const [gone, next] = [await makeRunner(subject), await makeRunner(subject)];
    const [job] = await subject.addJobs(1);
    const { id } = await taken(subject, gone);
    const poll = subject.services.assignTask.fetch(next, {
      ...{ timeoutMs: 10_000, requestKey: null },
      signal: new AbortController().signal,
    });
    await subject.services.assignTask.giveBack(id);
    expect((await poll).payload?.id).toBeGreaterThan(id);
    expect((await subject.store.read.jobs.get(job?.id ?? 0))?.delivery).toBe(2);
  });

  it("lets an ephemeral runner whose task was never acknowledged fetch again", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject, { ephemeral: true });
    await subject.addJobs(1);
    const { id } = await taken(subject, runner);
    await subject.services.assignTask.giveBack(id);
    expect((await taken(subject, runner)).id).not.toBe(id);
  });

  it("forgets an ephemeral runner 60 s after its task", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services } = subject;
    const token = await services.registrationTokens.current({ kind: "global" }, ACTOR);
    const registered = await services.registerRunner.register(
      { name: "r", token, version: "1", labels: ["linux"], ephemeral: true, capabilities: [] },
      "127.0.0.1",
    );
    const { runner } = registered;
    await subject.addJobs(1);
    const { id } = await taken(subject, runner);
    await services.updateTask.report(runner.id, { taskId: id, result: "success", steps: [], outputs: {} });
    clock.advance(59_000);
    expect((await services.identity.identify(runner.uuid, registered.token, "a")).deletedAt).not.toBeNull();
    clock.advance(1_000);
    await expect(services.identity.identify(runner.uuid, registered.token, "a")).rejects.toThrow(
      /unregistered runner$/,
    );
  });

  it("fails a job that cannot be built alone", async () => {
    await using subject = await openSubject({ clock: new FakeClock() });
    const runner = await makeRunner(subject);
    const [broken] = await subject.addJobs(1, { key: "no such job", priority: 9 });
    const [good] = await subject.addJobs(1);
    await taken(subject, runner);
    expect(await subject.store.read.jobs.get(broken?.id ?? 0)).toMatchObject({
      status: "failure",
      cause: "infrastructure",
    });
    expect((await subject.store.read.jobs.get(good?.id ?? 0))?.status).toBe("running");
  });

  it("makes no SQL for idle polls", async () => {
    let calls = 0;
    await using subject = await openSubject({ clock: new FakeClock() });
    const runner = await makeRunner(subject);
    await fetchNow(subject, runner);
    for (const table of Object.values(subject.store.read) as object[]) {
      const proto = Object.getPrototypeOf(table) as Record<string, unknown>;
      for (const name of Object.getOwnPropertyNames(proto)) {
        if (name !== "constructor" && typeof proto[name] === "function") {
          vi.spyOn(table as Record<string, () => unknown>, name).mockImplementation(() => {
            calls++;
            throw new Error("SQL");
          });
        }
      }
    }
    for (let i = 0; i < 100; i++) await fetchNow(subject, runner);
    expect(calls).toBe(0);
    vi.restoreAllMocks();
  });

  it.each(["lost", "deleted"] as const)(
    "a job whose runner is %s waits for another one when no step had started",
    async (how) => {
      const clock = new FakeClock();
      await using subject = await openSubject({ clock });
      const [runner, other] = [await makeRunner(subject), await makeRunner(subject)];
      const [job] = await subject.addJobs(1);
      const first = await taken(subject, runner);
      await subject.services.appendLog.append(runner.id, {
        ...{ taskId: first.id, index: 0, noMore: false },
        rows: packRows([{ time: 1, content: "Set up job" }]),
      });
      if (how === "lost") await pass(clock, subject, 120_000);
      else await subject.services.editRunner.delete(runner.id, ACTOR);
      expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "waiting", cause: null });
      const cause = how === "lost" ? "runner_lost" : "runner_deleted";
      expect(await subject.store.read.tasks.get(first.id)).toMatchObject({ status: "failure", cause });
      const second = await taken(subject, other);
      expect(second.id).not.toBe(first.id);
      if (how === "deleted") return;
      const late = await subject.services.updateTask.report(runner.id, {
        ...{ taskId: first.id, result: "success", steps: [], outputs: {} },
      });
      expect(late.result).toBe("cancelled");
      expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "running", taskId: second.id });
    },
  );

  it.each([
    ["never", "always", "waiting"],
    ["always", "never", "failure"],
    ["always", "unstarted", "failure"],
  ] as const)("a repository says %s, its job %s: when the runner is lost, the job is %s", async (all, own, status) => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { store, repository } = subject;
    const dispatchRules = { weight: 1, preferredLabel: null, preferredWaitMs: 0, requeue: all } as const;
    await store.write((tx) => tx.repositories.update(repository.id, { dispatchRules }));
    const runner = await makeRunner(subject);
    const [leg] = expandJob(
      defined(`build: { runs-on: linux, requeue: ${own}, steps: [{ run: x }] }`, "build"),
      NOTHING,
    );
    if (leg === undefined) throw new Error("no leg");
    const [job] = await subject.addJobs(1, { leg: legFields(leg, "").leg });
    await acknowledge(subject, runner, (await taken(subject, runner)).id);
    await pass(clock, subject, 121_000);
    expect((await store.read.jobs.get(job?.id ?? 0))?.status).toBe(status);
  });

  it("a repository decides whether a started job is done again; a cancelled one never is", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { store, services, repository } = subject;
    const dispatchRules = { weight: 1, preferredLabel: null, preferredWaitMs: 0, requeue: "always" } as const;
    await store.write((tx) => tx.repositories.update(repository.id, { dispatchRules }));
    const runner = await makeRunner(subject, { capabilities: ["cancelling"] });
    const [again, cancelled] = await subject.addJobs(2);
    for (const _ of [again, cancelled]) await acknowledge(subject, runner, (await taken(subject, runner)).id);
    await services.cancelJobs.cancel(cancelled === undefined ? [] : [cancelled], "cancelled");
    await pass(clock, subject, 60_000);
    // Nobody fetched the cancel for 60 s.
    expect(await store.read.jobs.get(cancelled?.id ?? 0)).toMatchObject({ status: "cancelled", cause: "cancelled" });
    await pass(clock, subject, 60_000);
    expect((await store.read.jobs.get(again?.id ?? 0))?.status).toBe("waiting");
  });
});
