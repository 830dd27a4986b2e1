import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import type { Runner } from "../../src/server/domain/runner.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { eventually } from "../support/eventually.ts";
import type { StoreKind, StorePlace } from "../support/stores.ts";
import { must, newJob, newRun, newRunner, newTask, seed } from "./store-fixture.ts";

/** Rotated tokens, runners that depart, what is to be cleaned up, and whose turn it is. */
export function storeLifecycleContract(kind: StoreKind): void {
  let place: StorePlace;
  let store: Store;
  const PAGE = { afterId: 0, limit: 100 };

  beforeEach(async () => {
    place = await kind.create();
    store = await place.open();
  });

  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  const insert = (uuid: string, more: Partial<Runner> = {}) =>
    store.write((tx) => tx.runners.insert(newRunner(uuid, more), { hash: "h", mac: uuid }));

  test("a new token stands beside the old one until it is confirmed, once", async () => {
    const { id } = await insert("u-1");
    const next = { hash: "h2", mac: "m2" };
    expect(await store.write((tx) => tx.runners.offerToken(id, { verifier: next, sealed: "s" }, 99))).toBe(true);
    const both = must(await store.read.runners.findByUuid("u-1"));
    expect(both).toMatchObject({ verifier: { hash: "h", mac: "u-1" }, next, runner: { oldTokenUntil: 99 } });
    expect(await store.read.runners.sealedToken(id)).toBe("s");
    expect(await store.write((tx) => tx.runners.confirmToken(id, "other", 50))).toBe(false);
    expect(await store.write((tx) => tx.runners.confirmToken(id, "m2", 50))).toBe(true);
    expect(await store.write((tx) => tx.runners.confirmToken(id, "m2", 51))).toBe(false);
    const after = must(await store.read.runners.findByUuid("u-1"));
    expect(after).toMatchObject({ verifier: next, next: null, runner: { oldTokenUntil: null, tokenMadeAt: 50 } });
    expect(await store.read.runners.sealedToken(id)).toBeUndefined();
    await store.write((tx) => tx.runners.delete(id, 60));
    expect(await store.write((tx) => tx.runners.offerToken(id, { verifier: next, sealed: "s" }, 99))).toBe(false);
  });

  test("a runner that may finish its reports is found by its uuid alone", async () => {
    const { id } = await insert("u-1");
    expect(await store.write((tx) => tx.runners.delete(id, 50, 80))).toBe(true);
    const departed = must(await store.read.runners.findByUuid("u-1"));
    expect(departed).toMatchObject({ verifier: { mac: "u-1" }, runner: { deletedAt: 50, reportsUntil: 80 } });
    expect(await store.read.runners.get(id)).toBeUndefined();
    expect(await store.write((tx) => tx.runners.lock(id))).toBeUndefined();
  });

  test("a periodic job is one replica's at a time, and each moment's once", async () => {
    const begin = (holder: string, dueAt: number, leaseMs = 60_000) =>
      store.write((tx) => tx.housekeeping.beginCron("sweep", holder, dueAt, leaseMs));
    const both = await Promise.all([begin("a", 100), begin("b", 100)]);
    expect(both.filter(Boolean)).toHaveLength(1);
    const holder = both[0] ? "a" : "b";
    expect(await begin("c", 200)).toBe(false);
    expect(await store.write((tx) => tx.housekeeping.keepCron("sweep", holder, 60_000))).toBe(true);
    expect(await store.write((tx) => tx.housekeeping.keepCron("sweep", "c", 60_000))).toBe(false);
    await store.write((tx) => tx.housekeeping.endCron("sweep", "c", "not mine"));
    expect(await store.read.housekeeping.crons()).toMatchObject([{ name: "sweep", running: true, runs: 0 }]);
    await store.write((tx) => tx.housekeeping.endCron("sweep", holder, "3 rows"));
    const ended = { running: false, abandoned: false, dueAt: 100, runs: 1, outcome: "3 rows" };
    expect(await store.read.housekeeping.crons()).toMatchObject([ended]);
    expect(await begin("b", 100)).toBe(false);
    expect(await begin("b", 200)).toBe(true);
  });

  test("a periodic job whose replica crashed is free when its lease is over", async () => {
    const begin = (holder: string, dueAt: number, leaseMs: number) =>
      store.write((tx) => tx.housekeeping.beginCron("sweep", holder, dueAt, leaseMs));
    const before = systemClock.now();
    expect(await begin("a", 100, 50)).toBe(true);
    await eventually("the lease to end", async () => (await store.read.housekeeping.crons())[0]?.abandoned);
    expect(must((await store.read.housekeeping.crons())[0]).startedAt).toBeGreaterThan(before - 5_000);
    expect(await begin("b", 100, 60_000)).toBe(true);
    expect(await store.write((tx) => tx.housekeeping.keepCron("sweep", "a", 60_000))).toBe(false);
    await store.write((tx) => tx.housekeeping.endCron("sweep", "a", "late"));
    expect(await store.read.housekeeping.crons()).toMatchObject([{ running: true, abandoned: false, runs: 0 }]);
  });

  test("jobs count as abandoned where nothing happens in their run, and it waits for no concurrency group", async () => {
    const { repository, run, job } = await seed(store);
    const ids = await store.write(async (tx) => {
      const stuck = await tx.runs.insert(newRun(repository), "");
      const busy = await tx.runs.insert(newRun(repository), "");
      const jobs = await tx.jobs.insertMany([
        newJob(run, { status: "blocked", createdAt: 10, readyAt: null }),
        newJob(run, { status: "waiting", createdAt: 10, readyAt: 500 }),
        newJob(stuck, { status: "blocked", createdAt: 10, readyAt: null }),
        newJob(stuck, { status: "success", stoppedAt: 90 }),
        newJob(busy, { status: "blocked", createdAt: 10, readyAt: null }),
        newJob(busy, { status: "failure", stoppedAt: 500 }),
      ]);
      return jobs.map(({ id }) => id);
    });
    expect(await store.read.housekeeping.abandonedJobs(100, PAGE)).toEqual([job.id, ids[2]]);
    expect(await store.read.housekeeping.abandonedJobs(100, { afterId: job.id, limit: 1 })).toEqual([ids[2]]);
    expect(await store.read.housekeeping.abandonedJobs(5, PAGE)).toEqual([]);
    const stuck = must(await store.read.jobs.get(must(ids[2])));
    const waits = { state: "pending" as const, holds: false, due: false, keepsQueue: false, jobId: null };
    await store.write((tx) =>
      tx.groups.insert({ ...waits, groupName: "G", runId: stuck.runId, repositoryId: repository.id }),
    );
    expect(await store.read.housekeeping.abandonedJobs(100, PAGE)).toEqual([job.id]);
  });

  test("runners that can do nothing any more, and those that are away", async () => {
    const { repository, job, runner: busy } = await seed(store);
    const scope = { kind: "repository", ownerId: repository.ownerId, repositoryId: repository.id } as const;
    const unused = await insert("unused", { unusedUntil: 50 });
    await insert("used", { unusedUntil: 50, lastOnline: 40 });
    await insert("not-yet", { unusedUntil: 100 });
    await insert("bound", { boundJobId: job.id });
    const pointless = await insert("pointless", { boundJobId: 999 });
    const lost = await insert("lost", { scope: { ...scope, repositoryId: 999 } });
    await insert("kept", { scope });
    const done = await insert("done", { ephemeral: true });
    const offline = await insert("offline", { lastOnline: 60, createdAt: 1 });
    await store.write((tx) => {
      const task = newTask(job, done.id, { delivery: 2, status: "success", acknowledgedAt: 30, stoppedAt: 40 });
      return tx.tasks.insert(task, "t2");
    });
    const found = await store.read.housekeeping.uselessRunners(80, PAGE);
    expect(found).toEqual([unused.id, pointless.id, lost.id, done.id]);
    const away = await store.read.housekeeping.offlineRunners(80, { ephemeral: false }, PAGE);
    expect(away).toContain(offline.id);
    // It is silent, but it has a task.
    expect(away).not.toContain(busy.id);
    expect(await store.read.housekeeping.offlineRunners(5, { ephemeral: true }, PAGE)).toEqual([]);
    expect(await store.read.housekeeping.offlineRunners(8, { ephemeral: true }, PAGE)).toEqual([done.id]);
  });

  test("old rows go in chunks", async () => {
    const { runner, task } = await seed(store);
    await store.write(async (tx) => {
      for (const at of [1, 2, 3, 50]) {
        await tx.audit.append({ at, actorId: null, action: "x", target: "y", address: null, detail: {} });
      }
      await tx.runners.delete(runner.id, 30);
    });
    expect(await store.write((tx) => tx.housekeeping.purgeAudit(50, 2))).toBe(2);
    expect(await store.write((tx) => tx.housekeeping.purgeAudit(50, 2))).toBe(1);
    expect((await store.read.audit.list({ page: 1, limit: 10 })).items.map(({ at }) => at)).toEqual([50]);
    expect(await store.write((tx) => tx.housekeeping.purgeRunners(30, 10))).toBe(0);
    expect(await store.write((tx) => tx.housekeeping.purgeRunners(31, 10))).toBe(1);
    expect(must(await store.read.tasks.get(task.id)).runnerId).toBe(runner.id);
  });
}
