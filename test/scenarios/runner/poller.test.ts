import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { FetchTaskRequest } from "../../../src/protocol/messages.ts";
import { createRunnerClient, type RunnerClient } from "../../../src/runner/client.ts";
import type { Outcome } from "../../../src/runner/engine/job-event.ts";
import { Poller, type PollerOptions } from "../../../src/runner/poller.ts";
import { TaskSlots } from "../../../src/runner/task-slots.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeGitea } from "../../support/fake-gitea/fake-gitea.ts";

describe("Poller", () => {
  let gitea: FakeGitea;
  let client: RunnerClient;
  let ended: Map<bigint, (result: Outcome) => void>;
  let stop: AbortController;

  beforeEach(async () => {
    gitea = await FakeGitea.start();
    client = createRunnerClient({ address: gitea.address, identity: gitea, version: "test" });
    ended = new Map();
    stop = new AbortController();
  });

  afterEach(async () => {
    client[Symbol.dispose]();
    await gitea[Symbol.asyncDispose]();
  });

  const poller = ({
    capacity = 1,
    maxTasks,
    ...more
  }: Partial<PollerOptions> & { capacity?: number; maxTasks?: number } = {}) => {
    const slots = new TaskSlots({
      capacity,
      ...(maxTasks === undefined ? {} : { maxTasks }),
      run: (task) => new Promise((resolve) => ended.set(task.id, resolve)),
      logger: silentLogger,
    });
    const one = new Poller({
      client,
      slots,
      fetchTimeoutMs: 1_000,
      parks: false,
      intervalMs: 5,
      intervalMaxMs: 20,
      clock: systemClock,
      ids: systemIds,
      logger: silentLogger,
      ...more,
    });
    return { slots, run: one.run.bind(one) };
  };

  const versions = () =>
    gitea.callsOf("fetchTask").map((call) => Number((call.request as FetchTaskRequest).tasksVersion));

  it("takes a slot before it asks, and asks again at once after a task", async () => {
    const one = poller();
    const polling = one.run({ signal: stop.signal });
    gitea.enqueue({ workflow: "" });
    gitea.enqueue({ workflow: "" });
    await eventually("the first task", () => ended.has(1n));
    const asked = gitea.callsOf("fetchTask").length;
    await new Promise(setImmediate);
    expect(gitea.callsOf("fetchTask")).toHaveLength(asked);
    ended.get(1n)?.("success");
    await eventually("the second task", () => ended.has(2n));
    stop.abort();
    expect(await polling).toBe("stopped");
    ended.get(2n)?.("failure");
    await one.slots.drain();
    expect(one.slots.lastResult).toBe("failure");
  });

  it("fills its capacity", async () => {
    const one = poller({ capacity: 3 });
    for (let index = 0; index < 4; index += 1) gitea.enqueue({ workflow: "" });
    const polling = one.run({ signal: stop.signal });
    await eventually("three tasks", () => ended.size === 3);
    ended.get(2n)?.("success");
    await eventually("the fourth", () => ended.has(4n));
    stop.abort();
    await polling;
    for (const end of ended.values()) end("success");
    await one.slots.drain();
  });

  it("tells how many tasks it has room for, and takes all of an answer (Forgejo)", async () => {
    gitea.isForgejo = true;
    for (let index = 0; index < 5; index += 1) gitea.enqueue({ workflow: "" });
    const one = poller({ capacity: 3, maxTasks: 4 });
    const polling = one.run({ signal: stop.signal });
    await eventually("three tasks", () => ended.size === 3);
    ended.get(2n)?.("success");
    await eventually("the fourth", () => ended.has(4n));
    expect(await polling).toBe("enough");
    const rooms = gitea.callsOf("fetchTask").map((call) => (call.request as FetchTaskRequest).taskCapacity);
    expect(rooms).toEqual([3n, 1n]);
    expect(gitea.tasks.get(5n)?.handedOut).toBe(0);
    for (const end of ended.values()) end("success");
    await one.slots.drain();
  });

  it("loses no task of an answer that got lost: the same request key brings all of them", async () => {
    gitea.isForgejo = true;
    for (let index = 0; index < 4; index += 1) gitea.enqueue({ workflow: "" });
    gitea.loseNext("fetchTask", 2);
    const one = poller({ capacity: 3 });
    const polling = one.run({ signal: stop.signal });
    await eventually("three tasks", () => ended.size === 3);
    expect([1n, 2n, 3n, 4n].map((id) => gitea.tasks.get(id)?.handedOut)).toEqual([3, 3, 3, 0]);
    stop.abort();
    await polling;
    for (const end of ended.values()) end("success");
    await one.slots.drain();
  });

  it("remembers the version of an empty answer, and forgets it after a task", async () => {
    gitea.tasksVersion = 41n;
    const polling = poller({ capacity: 2 }).run({ signal: stop.signal });
    await eventually("two polls", () => versions().length >= 2);
    expect(versions().slice(0, 2)).toEqual([0, 41]);
    gitea.enqueue({ workflow: "" });
    await eventually("the task", () => ended.size === 1);
    await eventually("a poll that starts anew", () => versions().slice(1).includes(0));
    stop.abort();
    await polling;
  });

  it("keeps the request key until a call has succeeded", async () => {
    gitea.failNext("fetchTask", 2);
    const polling = poller().run({ signal: stop.signal });
    await eventually("four polls", () => versions().length >= 4);
    stop.abort();
    await polling;
    const keys = gitea.callsOf("fetchTask").map((call) => call.headers.get("x-runner-request-key"));
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[2]);
  });

  it("goes on through an outage", async () => {
    const polls: boolean[] = [];
    const polling = poller({ onPoll: (answered) => polls.push(answered) }).run({ signal: stop.signal });
    await eventually("an answer", () => polls.includes(true));
    await gitea.close();
    await eventually("a failure", () => polls.includes(false));
    await gitea.open();
    gitea.enqueue({ workflow: "" });
    await eventually("the task", () => ended.size === 1);
    stop.abort();
    await polling;
  });

  it.each(["as-unknown", "as-unauthenticated"] as const)("ends when the server has forgotten it (%s)", async (how) => {
    gitea.forgotten = how;
    expect(await poller().run({ signal: stop.signal })).toBe("unregistered");
    expect(gitea.callsOf("fetchTask")).toHaveLength(1);
  });

  it("ends after so many tasks", async () => {
    gitea.enqueue({ workflow: "" });
    gitea.enqueue({ workflow: "" });
    expect(await poller({ maxTasks: 1, capacity: 1 }).run({ signal: stop.signal })).toBe("enough");
    expect(ended.size).toBe(1);
  });

  it("ends when there is no task now", async () => {
    expect(await poller({ onlyNow: true }).run({ signal: stop.signal })).toBe("no-task");
  });

  it("leaves a parked call when it stops, and gets a task over it at once", async () => {
    gitea.parks = true;
    const one = poller({ parks: true, fetchTimeoutMs: 30_000, capacity: 2 });
    const polling = one.run({ signal: stop.signal });
    await eventually("a parked call", () => versions().length === 1);
    gitea.enqueue({ workflow: "" });
    await eventually("the task", () => ended.size === 1);
    await eventually("the next call", () => versions().length === 2);
    stop.abort();
    expect(await polling).toBe("stopped");
  });

  it("finds out that a server parks, though it does not say so", async () => {
    gitea.parksFor = 850;
    const polling = poller({ fetchTimeoutMs: 1_000, intervalMs: 50, intervalMaxMs: 50 }).run({
      signal: stop.signal,
    });
    await eventually("the second poll", () => versions().length === 2);
    expect(gitea.callsOf("fetchTask").map((call) => Number(call.headers.get("connect-timeout-ms")) > 1_000)).toEqual([
      false,
      true,
    ]);
    stop.abort();
    await polling;
  });

  it("takes the task of an answer that was under way when it stopped, but waits for it only a moment", async () => {
    gitea.parksFor = 50;
    const one = poller({ fetchTimeoutMs: 30_000 });
    const polling = one.run({ signal: stop.signal });
    await eventually("a call", () => versions().length === 1);
    gitea.enqueue({ workflow: "" });
    stop.abort();
    expect(await polling).toBe("stopped");
    expect(ended.size).toBe(1);

    gitea.parksFor = 60_000;
    const immediate = { ...systemClock, timer: (_: number, callback: () => void) => systemClock.timer(1, callback) };
    const second = new AbortController();
    const waiting = poller({ fetchTimeoutMs: 30_000, clock: immediate }).run({ signal: second.signal });
    await eventually("the second call", () => versions().length === 2);
    second.abort();
    expect(await waiting).toBe("stopped");
  });

  it("ignores a task that is running already", async () => {
    const one = poller({ capacity: 2 });
    const first = gitea.enqueue({ workflow: "" });
    const polling = one.run({ signal: stop.signal });
    await eventually("the task", () => ended.size === 1);
    const again = gitea.enqueue({ workflow: "" });
    Object.assign(again.task, { id: first.task.id });
    await eventually("it is offered again", () => again.handedOut === 1);
    await eventually("another poll", () => versions().length > 3);
    expect(ended.size).toBe(1);
    stop.abort();
    await polling;
  });

  it("ignores a task that has ended, whose offer came late", async () => {
    const one = poller({ capacity: 1 });
    const first = gitea.enqueue({ workflow: "" });
    const polling = one.run({ signal: stop.signal });
    await eventually("the task", () => ended.size === 1);
    ended.get(first.task.id)?.("success");
    ended.clear();
    const again = gitea.enqueue({ workflow: "" });
    Object.assign(again.task, { id: first.task.id });
    await eventually("it is offered again", () => again.handedOut === 1);
    const other = gitea.enqueue({ workflow: "" });
    await eventually("another task", () => ended.size > 0);
    expect([...ended.keys()]).toEqual([other.task.id]);
    stop.abort();
    await polling;
  });
});
