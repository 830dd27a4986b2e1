import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { Result } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { mariadbMissing } from "../../support/mariadb.ts";
import { clientsOf, type ReplicaWorld, replicaWorld, StreamReading } from "../../support/replica-world.ts";
import type { TestServer } from "../../support/test-server.ts";

/** What a change may take to another replica, with what a machine that runs other tests adds to 250 ms. */
const SOON_MS = 1_500;

const pair = (world: ReplicaWorld) => world.servers as [TestServer, TestServer];

function skewed(byMs: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + byMs };
}

if (mariadbMissing !== undefined) console.warn(`replicas are skipped: ${mariadbMissing}`);

describe.skipIf(mariadbMissing !== undefined)("two servers on one MariaDB", () => {
  let world: ReplicaWorld;
  beforeAll(async () => {
    world = await replicaWorld(2);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it("a job that is submitted at one wakes the polls and streams of the other", async () => {
    const [a, b] = pair(world);
    const poller = await world.register(a, "wake");
    const streamer = await world.register(b, "wake");
    let woken = 0;
    for (let i = 0; i < 3; i++) {
      const { tasks } = clientsOf(b.url, poller);
      const polling = tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 8_000 });
      await eventually("the poll to park", () => b.server.services.protocol.dispatcher.counts.parkedPolls === 1);
      await world.submit(a, "wake");
      const { task } = await polling;
      if (task !== undefined) woken++;
      await tasks.updateTask({ state: { id: task?.id ?? 0n, result: Result.SUCCESS } });
    }
    // By the reconciliation alone, every 10 s, not all of them would have heard in time.
    expect(woken).toBe(3);
    await using reading = new StreamReading(clientsOf(b.url, streamer));
    await eventually("the stream to open", () => reading.messages.length > 0);
    await world.submit(a, "wake");
    await eventually("an offer", () => reading.first("offer"), SOON_MS * 2);
  });

  it("a cancel, a force-cancel, a drain and a deletion reach the replica that has the runner's stream", async () => {
    const [a, b] = pair(world);
    const identity = await world.register(b, "cancel");
    const there = clientsOf(b.url, identity);
    await using reading = new StreamReading(there, 2);
    const run = await world.submit(a, "cancel");
    const offer = await eventually("an offer", () => reading.first("offer"));
    const taskId = offer.value.task?.id ?? 0n;
    await there.tasks.updateTask({ state: { id: taskId } });
    const path = `/repos/olga/app/actions/runs/${run}`;
    await a.admin.post(`${path}/cancel`);
    const cancel = await eventually("the cancel", () => reading.first("cancel"), SOON_MS * 2);
    expect([cancel.value.taskId, cancel.value.ended]).toEqual([taskId, false]);
    await a.admin.post(`${path}/force-cancel`);
    await eventually("the end of the task", () =>
      reading.messages.some((message) => message.case === "cancel" && message.value.ended),
    );
    await a.admin.patch(`/admin/actions/runners/${identity.id}`, { disabled: true });
    await eventually("the drain", () => reading.first("drain")?.value.active === true);
    await a.admin.delete(`/admin/actions/runners/${identity.id}`);
    const refused = await eventually("the refusal", () =>
      there.tasks.declare({ labels: [] }).then(
        () => undefined,
        (error: unknown) => String(error),
      ),
    );
    expect(refused).toContain("unregistered runner");
  });

  it("labels, a pause and its end reach a parked poll of the other replica", async () => {
    const [a, b] = pair(world);
    const identity = await world.register(b, "other");
    const polling = clientsOf(b.url, identity).tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 10_000 });
    await eventually("the poll to park", () => b.server.services.protocol.dispatcher.counts.parkedPolls === 1);
    await a.admin.patch(`/admin/actions/runners/${identity.id}`, { disabled: true });
    await world.submit(a, "labels");
    await a.admin.patch(`/admin/actions/runners/${identity.id}`, { labels: ["labels"], disabled: false });
    expect((await polling).task).toBeDefined();
  });

  it("a token that was rotated at one is refused by the other as soon as the new one is in use", async () => {
    const [a, b] = pair(world);
    const identity = await world.register(b, "rotated");
    const old = clientsOf(b.url, identity).tasks;
    await old.declare({ labels: ["rotated"] });
    const rotated = await a.admin.post(`/admin/actions/runners/${identity.id}/rotate-token`, { reveal: true });
    const token: string = rotated.json.token;
    await clientsOf(a.url, { ...identity, token }).tasks.declare({ labels: ["rotated"] });
    const refused = () =>
      old.declare({ labels: ["rotated"] }).then(
        () => false,
        (error: unknown) => String(error).includes("unregistered runner"),
      );
    await eventually("the old token to be refused", refused, SOON_MS * 2);
    await clientsOf(b.url, { ...identity, token }).tasks.declare({ labels: ["rotated"] });
  });

  it("a runner has one stream: a newer one at another replica takes the place of the older", async () => {
    const [a, b] = pair(world);
    const identity = await world.register(a, "newer");
    await using older = new StreamReading(clientsOf(a.url, identity));
    await eventually("the first stream", () => older.messages.length > 0);
    await using newer = new StreamReading(clientsOf(b.url, identity));
    await eventually("the goodbye", () => older.first("goaway"), SOON_MS * 2);
    await world.submit(a, "newer");
    await eventually("an offer on the newer one", () => newer.first("offer"), SOON_MS * 2);
    expect(older.first("offer")).toBeUndefined();
    expect(newer.first("goaway")).toBeUndefined();
  });

  it("an ephemeral runner that polls both gets one task, and so does a call that is repeated at the other", async () => {
    const [a, b] = pair(world);
    const once = await world.register(a, "once", { ephemeral: true });
    await Promise.all(Array.from({ length: 4 }, () => world.submit(a, "once")));
    const answers = await Promise.all(
      [a, b, a, b].map(({ url }) => clientsOf(url, once).tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 1_500 })),
    );
    expect(new Set(answers.flatMap(({ task }) => task?.id ?? [])).size).toBe(1);
    const again = await world.register(a, "once");
    const headers = { "x-runner-request-key": "one-and-the-same" };
    const first = await clientsOf(a.url, again).tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 5_000, headers });
    const second = await clientsOf(b.url, again).tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 5_000, headers });
    expect(first.task).toBeDefined();
    expect(second.task?.id).toBe(first.task?.id);
  });

  it("reports may go to either, and logs and events are seen at either", async () => {
    const [a, b] = pair(world);
    const identity = await world.register(a, "logs");
    const [here, there] = [clientsOf(a.url, identity), clientsOf(b.url, identity)];
    const run = await world.submit(a, "logs");
    const { task } = await here.tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 5_000 });
    const id = task?.id ?? 0n;
    const events = await fetch(`${a.url}/api/v1/repos/olga/app/actions/runs/${run}/events`, {
      headers: { authorization: `Bearer ${a.adminToken}` },
    });
    let seen = "";
    const reading = (async () => {
      for await (const chunk of events.body ?? []) seen += Buffer.from(chunk).toString();
    })();
    await there.tasks.updateTask({ state: { id } });
    await there.tasks.updateLog({ taskId: id, index: 0n, rows: [{ content: "said at the other" }], noMore: false });
    await eventually("the row", () => seen.includes("said at the other"), SOON_MS * 2);
    await here.tasks.updateLog({ taskId: id, index: 1n, rows: [{ content: "and here" }], noMore: true });
    await there.tasks.updateTask({ state: { id, result: Result.SUCCESS } });
    await eventually("the end", () => seen.includes("event: end"), SOON_MS * 2);
    await reading;
    expect(seen).toContain("and here");
    expect((await b.admin.get(`/repos/olga/app/actions/runs/${run}`)).json.conclusion).toBe("success");
  });

  it("clocks that differ by hours end no lease, and the database's time is what is stored", async () => {
    await using world = await replicaWorld(2, {}, (index) => ({ clock: skewed(index === 0 ? -7_200_000 : 7_200_000) }));
    const [a, b] = pair(world);
    const identity = await world.register(a, "skew");
    const run = await world.submit(b, "skew");
    const { task } = await clientsOf(a.url, identity).tasks.fetchTask({ tasksVersion: 0n }, { timeoutMs: 5_000 });
    const id = task?.id ?? 0n;
    await clientsOf(b.url, identity).tasks.updateTask({ state: { id } });
    for (const { server } of [a, b]) {
      const { openTasks, leaseKeeper } = server.services.protocol;
      await openTasks.load();
      await leaseKeeper.tick();
      expect(openTasks.get(Number(id))?.task.status).toBe("running");
    }
    const { jobs } = (await a.admin.get(`/repos/olga/app/actions/runs/${run}/jobs`)).json;
    expect(Math.abs(Date.parse(jobs[0].started_at) - Date.now())).toBeLessThan(60_000);
  });
});
