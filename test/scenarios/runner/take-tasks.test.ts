import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import {
  GoAway_Reason,
  RunnerService,
  type StreamTasksRequest,
  type StreamTasksResponseSchema,
  TaskStreamService,
} from "../../../src/protocol/messages.ts";
import { createRunnerClient, type RunnerClient } from "../../../src/runner/client.ts";
import type { Outcome } from "../../../src/runner/engine/job-event.ts";
import { Poller } from "../../../src/runner/poller.ts";
import { takeTasks } from "../../../src/runner/take-tasks.ts";
import { TaskSlots } from "../../../src/runner/task-slots.ts";
import { eventually } from "../../support/eventually.ts";

type Message = MessageInitShape<typeof StreamTasksResponseSchema>;
type Script = (request: StreamTasksRequest, signal: AbortSignal) => AsyncIterable<Message>;

const ALIVE: Message = { message: { case: "keepAlive", value: {} } };
const offer = (id: bigint): Message => ({ message: { case: "offer", value: { task: { id } } } });

/** Waits until the caller is gone. */
async function forever(signal: AbortSignal): Promise<void> {
  await delay(60_000, undefined, { signal }).catch(() => undefined);
}

describe("takeTasks", () => {
  let http: Server;
  let client: RunnerClient;
  let stop: AbortController;
  let polls: number;
  let streams: StreamTasksRequest[];
  let ended: Map<bigint, (result: Outcome) => void>;
  let cancelled: bigint[];
  /** What the streams do, one after the other; the last one goes on. */
  let scripts: Script[];
  let routes: (router: ConnectRouter) => void;

  beforeEach(async () => {
    polls = 0;
    [streams, ended, cancelled, scripts, stop] = [[], new Map(), [], [], new AbortController()];
    const poll = (router: ConnectRouter) =>
      router.rpc(RunnerService.method.fetchTask, () => {
        polls += 1;
        return { tasksVersion: 1n };
      });
    routes = (router) => {
      poll(router);
      if (scripts.length === 0) return;
      router.rpc(TaskStreamService.method.streamTasks, async function* (request, { signal }) {
        const script = scripts[Math.min(streams.length, scripts.length - 1)];
        streams.push(request);
        if (script !== undefined) yield* script(request, signal);
      });
    };
    http = createServer((request, response) =>
      connectNodeAdapter({ requestPathPrefix: "/api/actions", routes })(request, response),
    );
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const address = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    client = createRunnerClient({ address, version: "test" });
  });

  afterEach(async () => {
    client[Symbol.dispose]();
    http.closeAllConnections();
    http.close();
    await once(http, "close");
  });

  /** A clock on which some waits are short. */
  function hurried(shorter: (ms: number) => number): Clock {
    return {
      now: systemClock.now,
      sleep: (ms, options) => systemClock.sleep(shorter(ms), options),
      timer: (ms, callback) => systemClock.timer(shorter(ms), callback),
    };
  }

  function take({
    capacity = 2,
    maxTasks,
    clock = systemClock,
  }: {
    capacity?: number;
    maxTasks?: number;
    clock?: Clock;
  }) {
    const run = (task: { id: bigint }, options: { cancelled: AbortSignal }) =>
      new Promise<Outcome>((resolve) => {
        ended.set(task.id, resolve);
        options.cancelled.addEventListener("abort", () => cancelled.push(task.id));
      });
    const slots = new TaskSlots({
      capacity,
      ...(maxTasks === undefined ? {} : { maxTasks }),
      run,
      logger: silentLogger,
    });
    const common = { client, slots, clock, ids: systemIds, logger: silentLogger };
    const pace = { fetchTimeoutMs: 1_000, parks: false, intervalMs: 5, intervalMaxMs: 10 };
    const poller = new Poller({ ...common, ...pace, clock: systemClock });
    return { slots, end: takeTasks({ ...common, poller }, { signal: stop.signal }) };
  }

  it("runs what a stream offers, stops what it cancels, and does not poll", async () => {
    scripts = [
      async function* (_, signal) {
        yield ALIVE;
        yield offer(1n);
        yield offer(1n);
        yield { message: { case: "cancel", value: { taskId: 1n } } };
        yield { message: { case: "drain", value: { active: true } } };
        yield offer(2n);
        yield offer(3n);
        await forever(signal);
      },
    ];
    const { slots, end } = take({});
    await eventually("two tasks", () => ended.size === 2);
    expect(cancelled).toEqual([1n]);
    await eventually("the third is held", () => slots.held.length === 3);
    ended.get(1n)?.("cancelled");
    await eventually("the third task in the free slot", () => ended.has(3n));
    stop.abort();
    expect(await end).toBe("stopped");
    expect(polls).toBe(0);
    for (const done of ended.values()) done("success");
    await slots.drain();
  });

  it("polls for good where the server has no streams", async () => {
    const { end } = take({});
    await eventually("polls", () => polls > 2);
    stop.abort();
    expect(await end).toBe("stopped");
  });

  it("polls when nothing comes within 5 s", async () => {
    scripts = [
      async function* (_, signal) {
        await forever(signal);
        yield ALIVE;
      },
    ];
    const { end } = take({ clock: hurried((ms) => (ms === 5_000 ? 50 : ms)) });
    await eventually("polls", () => polls > 2);
    expect(streams).toHaveLength(1);
    stop.abort();
    expect(await end).toBe("stopped");
  });

  it("polls after two missed keep-alives, and tells the next stream what it holds", async () => {
    scripts = [
      async function* (_, signal) {
        yield ALIVE;
        yield offer(7n);
        await forever(signal);
      },
    ];
    const { slots, end } = take({ clock: hurried((ms) => (ms >= 30_000 ? 50 : ms)) });
    await eventually("polls", () => polls > 0);
    await eventually("another stream", () => streams.length > 1);
    expect(streams[0]).toMatchObject({ capacity: 2, heldTaskIds: [] });
    expect(streams[1]?.heldTaskIds).toEqual([7n]);
    stop.abort();
    await end;
    ended.get(7n)?.("success");
    await slots.drain();
  });

  it("opens another stream after a goodbye, and leaves it to who took it", async () => {
    const goaway = (reason: GoAway_Reason): Message => ({
      message: { case: "goaway", value: { reason, reconnectAfterMs: 1 } },
    });
    scripts = [
      async function* () {
        yield goaway(GoAway_Reason.SHUTDOWN);
      },
      async function* () {
        yield goaway(GoAway_Reason.REPLACED);
      },
    ];
    const { end } = take({});
    await eventually("the second stream", () => streams.length === 2);
    await eventually("polls", () => polls > 2);
    expect(streams).toHaveLength(2);
    stop.abort();
    await end;
  });

  it("polls while streams break, and comes back to them", async () => {
    scripts = [
      async function* () {
        yield ALIVE;
        throw new ConnectError("the database is away", Code.Unavailable);
      },
      async function* (_, signal) {
        yield offer(1n);
        await forever(signal);
      },
    ];
    const { end, slots } = take({ clock: hurried((ms) => Math.min(ms, 100)) });
    await eventually("the task", () => ended.size === 1);
    expect(polls).toBeGreaterThan(0);
    stop.abort();
    await end;
    ended.get(1n)?.("success");
    await slots.drain();
  });

  it("ends when it has its one task, or the server has forgotten it", async () => {
    scripts = [
      async function* (_, signal) {
        yield offer(1n);
        await forever(signal);
      },
    ];
    expect(await take({ capacity: 1, maxTasks: 1 }).end).toBe("enough");
    ended.get(1n)?.("success");
    scripts = [
      // biome-ignore lint/correctness/useYield: it fails before it has something to say
      async function* () {
        throw new ConnectError("unregistered runner", Code.Unauthenticated);
      },
    ];
    expect(await take({}).end).toBe("unregistered");
  });
});
