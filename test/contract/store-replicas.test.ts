import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { claimJob } from "../../src/server/services/claim-job.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { type StoreKind, storeKinds } from "../support/stores.ts";
import { must, newJob, newRun, newRunner, seed } from "./store-fixture.ts";

const mariadb = storeKinds.find(({ name }) => name === "mariadb") as StoreKind;

/** As many stores as replicas would have, on one fresh database. */
async function replicas(count: number) {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await mariadb.create());
  const stores: Store[] = [];
  for (let i = 0; i < count; i++) stores.push(stack.use(await place.open({ poolSize: 4 })));
  const owned = stack.move();
  return { stores, url: place.options.databaseUrl ?? "", [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe.skipIf(mariadb.skip !== undefined)("stores of replicas on one MariaDB", () => {
  it("give a job to one runner, and an ephemeral runner one job, however they race", async () => {
    await using world = await replicas(3);
    const first = must(world.stores[0]);
    const { repository } = await seed(first);
    const { jobs, runners } = await first.write(async (tx) => {
      const made = { jobs: [] as { id: number; runId: number }[], runners: [] as number[] };
      for (let i = 0; i < 12; i++) {
        // In runs of their own, so that no common lock keeps the claims apart.
        const run = await tx.runs.insert(newRun(repository), "on: push\n");
        made.jobs.push(...(await tx.jobs.insertMany([newJob(run)])));
        const runner = newRunner(`race-${i}`, { ephemeral: i < 4 });
        made.runners.push((await tx.runners.insert(runner, { hash: "", mac: `race-${i}` })).id);
      }
      return made;
    });
    let macs = 0;
    const claims = runners.flatMap((runnerId, r) =>
      jobs.map(async ({ id: jobId, runId }, j) => {
        const store = must(world.stores[(r + j) % 3]);
        const rest = { steps: [], cancelTimeoutMs: null, emptyRunsOnMatches: true, requestKey: null, now: 50 };
        const claim = { jobId, runId, runnerId, tokenMac: `t-${++macs}`, isAwaited: () => true, ...rest };
        return await store.write((tx) => claimJob(tx, claim)).catch(() => ({ kind: "lost" as const }));
      }),
    );
    const claimed = (await Promise.all(claims)).flatMap((outcome) =>
      outcome.kind === "claimed" ? [outcome.task] : [],
    );
    expect(new Set(claimed.map(({ jobId }) => jobId)).size).toBe(claimed.length);
    for (const { id } of jobs) expect((await first.read.tasks.listByJob(id)).length).toBeLessThanOrEqual(1);
    for (const runnerId of runners.slice(0, 4)) {
      expect((await first.read.tasks.openOfRunner(runnerId)).length).toBeLessThanOrEqual(1);
    }
    expect(claimed.length).toBe(12);
  });

  it("take a repeated call for what another one was given", async () => {
    await using world = await replicas(2);
    const [one, two] = [must(world.stores[0]), must(world.stores[1])];
    const { repository } = await seed(one);
    const jobs = await one.write(async (tx) => {
      const run = await tx.runs.insert(newRun(repository), "on: push\n");
      const other = await tx.runs.insert(newRun(repository), "on: push\n");
      return [...(await tx.jobs.insertMany([newJob(run)])), ...(await tx.jobs.insertMany([newJob(other)]))];
    });
    const { id: runnerId } = await one.write((tx) => tx.runners.insert(newRunner("keyed"), { hash: "", mac: "keyed" }));
    const outcomes = await Promise.all(
      jobs.map(({ id: jobId, runId }, i) => {
        const rest = { steps: [], cancelTimeoutMs: null, emptyRunsOnMatches: true, requestKey: "k", now: 50 };
        const claim = { jobId, runId, runnerId, tokenMac: `key-${i}`, isAwaited: () => true, ...rest };
        return (i === 0 ? one : two).write((tx) => claimJob(tx, claim));
      }),
    );
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(["claimed", "refused"]);
    const given = outcomes.find((outcome) => outcome.kind === "refused")?.given;
    expect(given?.id).toBe(outcomes.find((outcome) => outcome.kind === "claimed")?.task.id);
  });

  it("hear each other's messages, also those that are committed out of order, and delete old ones", async () => {
    await using world = await replicas(2);
    const [one, two] = world.stores.map((store) => must(store.changes ?? undefined));
    if (one === undefined || two === undefined) throw new Error("stores on MariaDB have a change log");
    const before = await two.newest();
    await using connection = await late(world.url);
    await one.append("early");
    const [early] = await two.read({ after: before, except: [], limit: 10 });
    expect(early?.message).toBe("early");
    await connection.commit();
    const rows = await two.read({ after: before, except: [must(early).id], limit: 10 });
    expect(rows.map(({ message }) => message)).toEqual(["late"]);
    expect(must(rows[0]).id).toBeLessThan(must(early).id);
    expect(await one.prune(must(early).id, 1)).toBe(1);
    expect(await one.prune(must(early).id, 10)).toBe(1);
    expect(await two.read({ after: before, except: [], limit: 10 })).toEqual([]);
  });

  it("have one time, that of the database", async () => {
    await using world = await replicas(2);
    const times = await Promise.all(world.stores.map((store) => store.now()));
    for (const time of times) expect(Math.abs(time - Date.now())).toBeLessThan(5_000);
  });
});

/** A row that was inserted first and is committed last. */
async function late(url: string) {
  const connection = await createConnection(url);
  await connection.beginTransaction();
  await connection.query("INSERT INTO replica_change (message) VALUES ('late')");
  return { commit: () => connection.commit(), [Symbol.asyncDispose]: () => connection.end() };
}
