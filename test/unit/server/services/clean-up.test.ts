import { describe, expect, it, vi } from "vitest";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { newRunner } from "../../../../src/server/domain/new-runner.ts";
import { CleanUp, type CleanUpSettings } from "../../../../src/server/services/clean-up.ts";
import { cleanUpJobs, cleanUpSchedules } from "../../../../src/server/services/clean-up-schedule.ts";
import { CronRunner } from "../../../../src/server/services/cron-runner.ts";
import { openSubject, type ProtocolSubject } from "../../../contract/runner-protocol.fixture.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "./fake-clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SETTINGS: CleanUpSettings = {
  ...{ zombieTaskMs: 10 * MINUTE, endlessTaskMs: 3 * HOUR, abandonedJobMs: 24 * HOUR },
  ...{ logRetentionMs: 48 * HOUR, auditRetentionMs: 48 * HOUR, offlineRunnerMs: null, ephemeralRunnerMs: 24 * HOUR },
};
const { signal } = new AbortController();

/** Its pauses between chunks take no time. */
const cleanUpOf = ({ store, services }: ProtocolSubject, clock: FakeClock, more: Partial<CleanUpSettings> = {}) => {
  const settings = { ...SETTINGS, ...more };
  const hasty = { now: () => clock.now(), sleep: async () => {}, timer: clock.timer.bind(clock) };
  return new CleanUp({ store, ...services, clock: hasty, settings });
};

async function makeRunner({ services }: ProtocolSubject, ephemeral = false) {
  const token = await services.registrationTokens.current({ kind: "global" }, { accountId: null, address: null });
  const request = { name: "r", token, version: "1", labels: ["linux"], ephemeral, capabilities: [] };
  return (await services.registerRunner.register(request, "127.0.0.1")).runner;
}

/** Gives the runner a job, which it acknowledges. */
async function runJob(subject: ProtocolSubject, runner: Awaited<ReturnType<typeof makeRunner>>) {
  const [job] = await subject.addJobs(1);
  const call = { timeoutMs: undefined, waitMs: 0, requestKey: null, signal };
  const taskId = (await subject.services.assignTask.fetch(runner, call)).payload?.id ?? 0;
  const report = () => subject.services.updateTask.report(runner.id, { taskId, result: null, steps: [], outputs: {} });
  await report();
  return { jobId: job?.id ?? 0, taskId, report };
}

const jobOf = ({ store }: ProtocolSubject, id: number) => store.read.jobs.get(id);

describe("cleaning up", () => {
  it("ends tasks that are silent or run too long, and says why", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { leaseKeeper } = subject.services;
    // The leases, which would have found the silent one long before, do not see the time pass.
    const cleanUp = cleanUpOf(subject, clock);
    const fresh = vi.spyOn(leaseKeeper, "freshFrom", "get");
    const silent = await runJob(subject, await makeRunner(subject));
    const busy = await runJob(subject, await makeRunner(subject));
    clock.advance(10 * MINUTE);
    await busy.report();
    // Nobody was there to hear it: the time in which the server stood still does not count.
    fresh.mockReturnValue(clock.now());
    expect(await cleanUp.zombieTasks({ signal })).toBe("0 silent tasks were given up");
    clock.advance(10 * MINUTE + 1);
    await busy.report();
    expect(await cleanUp.zombieTasks({ signal })).toBe("1 silent tasks were given up");
    const given = await subject.store.read.tasks.get(silent.taskId);
    expect(given).toMatchObject({ status: "failure", cause: "runner_lost" });
    expect(await cleanUp.endlessTasks({ signal })).toBe("0 endless tasks were ended");
    clock.advance(3 * HOUR);
    expect(await cleanUp.endlessTasks({ signal })).toBe("1 endless tasks were ended");
    const message = expect.stringContaining("--endless-task-timeout");
    expect(await jobOf(subject, busy.jobId)).toMatchObject({ status: "failure", cause: "timeout", message });
    expect((await busy.report()).result).toBe("cancelled");
  });

  it("cancels jobs that nobody took", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const [job] = await subject.addJobs(1, { runsOn: ["nowhere"] });
    const cleanUp = cleanUpOf(subject, clock);
    expect(await cleanUp.abandonedJobs({ signal })).toBe("0 abandoned jobs were cancelled");
    clock.advance(25 * HOUR);
    expect(await cleanUp.abandonedJobs({ signal })).toBe("1 abandoned jobs were cancelled");
    const message = expect.stringContaining("24 h");
    expect(await jobOf(subject, job?.id ?? 0)).toMatchObject({ status: "cancelled", cause: "timeout", message });
    expect(subject.services.dispatcher.counts.waitingJobs).toBe(0);
  });

  it("deletes runners that are good for nothing, in chunks, and none that has a task", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { store } = subject;
    const away = await makeRunner(subject);
    const awayOnce = await makeRunner(subject, true);
    const busy = await makeRunner(subject, true);
    await runJob(subject, busy);
    await store.write(async (tx) => {
      for (let index = 0; index < 450; index++) {
        const scope = { kind: "global" } as const;
        const start = { uuid: `u-${index}`, name: "x", scope, labels: [], createdAt: clock.now() };
        await tx.runners.insert(newRunner({ ...start, unusedUntil: clock.now() + 1 }), { hash: "h", mac: "" });
      }
    });
    clock.advance(MINUTE);
    const cleanUp = cleanUpOf(subject, clock);
    expect(await cleanUp.ephemeralRunners({ signal })).toBe("450 runners for one job were deleted");
    clock.advance(25 * HOUR);
    expect(await cleanUp.ephemeralRunners({ signal })).toBe("1 runners for one job were deleted");
    expect(await store.read.runners.get(awayOnce.id)).toBeUndefined();
    expect(await cleanUp.offlineRunners({ signal })).toBe("runners that are away are kept");
    const optedIn = cleanUpOf(subject, clock, { offlineRunnerMs: HOUR });
    expect(await optedIn.offlineRunners({ signal })).toBe("1 offline runners were deleted");
    expect(await store.read.runners.get(away.id)).toBeUndefined();
    expect(await store.read.runners.get(busy.id)).toBeDefined();
  });

  it("deletes old rows; for ever is for ever", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    await makeRunner(subject);
    clock.advance(49 * HOUR);
    const kept = cleanUpOf(subject, clock, { auditRetentionMs: null, logRetentionMs: null });
    expect(await kept.oldRows({ signal })).toBe("0 audit rows and 0 rows of deleted runners were deleted");
    expect(await kept.expiredLogs({ signal })).toBe("logs are kept for ever");
    const cleanUp = cleanUpOf(subject, clock);
    expect(await cleanUp.oldRows({ signal })).toMatch(/^[1-9]\d* audit rows/);
    expect(await cleanUp.expiredLogs({ signal })).toBe("0 logs were deleted");
    expect((await subject.store.read.audit.list({ page: 1, limit: 1 })).total).toBe(0);
  });
});

describe("periodic jobs", () => {
  it("have schedules that can be moved, with one sentence where that is wrong", () => {
    const moved = cleanUpSchedules({ cleanup_expired_logs: "30 3 * * *", stop_zombie_tasks: "off" });
    expect([moved.cleanup_expired_logs?.text, moved.stop_zombie_tasks]).toEqual(["30 3 * * *", null]);
    expect(moved.stop_endless_tasks?.text).toBe("@every 30m");
    expect(() => cleanUpSchedules({ stop_zombie_task: "@midnight" })).toThrow(/did you mean stop_zombie_tasks\?/);
    expect(() => cleanUpSchedules({ stop_zombie_tasks: "often" })).toThrow(/"often" of stop_zombie_tasks is none/);
    const jobs = cleanUpJobs({} as CleanUp, cleanUpSchedules({}), SETTINGS);
    expect(jobs.find(({ name }) => name === "cleanup_offline_runners")?.schedule).toBeNull();
  });

  it("are done when they are due, by one of two servers, and again when that one crashed", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { store } = subject;
    const runs: string[] = [];
    let work: () => Promise<string> = async () => "nothing";
    const runner = (holder: string) => {
      const schedule = cleanUpSchedules({}).stop_zombie_tasks;
      const run = () => {
        runs.push(holder);
        return work();
      };
      return new CronRunner({ store, clock, log: silentLogger, holder, jobs: [{ name: "sweep", schedule, run }] });
    };
    await using a = runner("a");
    await using b = runner("b");
    a.start();
    b.start();
    const outcome = async () => (await a.list())[0]?.state?.outcome;
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += MINUTE) {
        await eventually("both to wait", () => clock.isAwaitedWithin(MINUTE, 2));
        clock.advance(MINUTE);
      }
    };
    await pass(6 * MINUTE);
    await eventually("the first run", async () => (await outcome()) === "nothing");
    expect(runs).toHaveLength(1);
    work = async () => {
      throw new Error("a secret detail");
    };
    await a.runNow("sweep");
    await eventually("a run that fails", async () => (await outcome())?.startsWith("failed") === true);
    expect(await outcome()).toBe("failed: the server's log has the details");
    await expect(a.runNow("swep")).rejects.toThrow(/there is no periodic job swep; there are sweep/);
    // Another server took the next one and crashed: nobody keeps its lease.
    await store.write((tx) => tx.housekeeping.beginCron("sweep", "crashed", clock.now() + 1, 30_000));
    await expect(a.runNow("sweep")).rejects.toThrow(/running already/);
    work = async () => "made up for it";
    const before = runs.length;
    await pass(2 * MINUTE);
    await eventually("the run by another one", async () => (await outcome()) === "made up for it");
    expect(runs.length).toBe(before + 1);
  });
});
