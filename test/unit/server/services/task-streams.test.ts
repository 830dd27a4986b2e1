import { describe, expect, it } from "vitest";
import type { StreamEvent } from "../../../../src/server/services/task-stream.ts";
import { openSubject, type ProtocolSubject } from "../../../contract/runner-protocol.fixture.ts";
import { eventually } from "../../../support/eventually.ts";
import { FakeClock } from "./fake-clock.ts";

async function makeRunner({ services }: ProtocolSubject) {
  const token = await services.registrationTokens.current({ kind: "global" }, { accountId: null, address: null });
  const request = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [] };
  return (await services.registerRunner.register(request, "127.0.0.1")).runner;
}

/** Opens a stream and collects what it brings. */
function read({ services }: ProtocolSubject, runner: { id: number }, heldTaskIds: number[] = []) {
  const events: StreamEvent[] = [];
  const abort = new AbortController();
  const done = (async () => {
    const stream = services.taskStreams.open(runner, { capacity: 1, heldTaskIds }, { signal: abort.signal });
    for await (const event of stream) events.push(event);
  })();
  const kinds = () => events.map(({ kind }) => kind);
  const close = async () => {
    abort.abort();
    await done;
  };
  return { events, kinds, done, [Symbol.asyncDispose]: close };
}

describe("streams of tasks", () => {
  it("show that they live every 15 s, and count as contact", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    await using stream = read(subject, runner);
    await eventually("parked", () => subject.services.dispatcher.counts.parkedPolls === 1);
    expect(stream.kinds()).toEqual(["keep-alive"]);
    for (let count = 2; count <= 6; count++) {
      clock.advance(14_999);
      await new Promise(setImmediate);
      expect(stream.events).toHaveLength(count - 1);
      clock.advance(1);
      await eventually("a sign of life", () => stream.events.length === count);
    }
    expect(subject.services.presence.current(runner).lastOnline).toBe(clock.now());
  });

  it("show that they live at whole seconds, so that all that are due in one wake the server together", async () => {
    const clock = new FakeClock(1_700_000_000_400);
    await using subject = await openSubject({ clock });
    await using stream = read(subject, await makeRunner(subject));
    await eventually("parked", () => subject.services.dispatcher.counts.parkedPolls === 1);
    clock.advance(14_599);
    await new Promise(setImmediate);
    expect(stream.kinds()).toEqual(["keep-alive"]);
    clock.advance(1);
    await eventually("a sign of life", () => stream.events.length === 2);
  });

  it("offer a task again that is not acknowledged within 10 s, until its lease ends", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    await using stream = read(subject, runner);
    await subject.addJobs(1);
    const offers = () => stream.events.flatMap((event) => (event.kind === "offer" ? [event.payload] : []));
    for (let count = 1; count <= 6; count++) {
      await eventually(`offer ${count}`, () => offers().length === count);
      await eventually("the loop to wait until the task is due", () => clock.isAwaitedAt(10_000));
      if (count < 6) clock.advance(10_000);
    }
    expect(new Set(offers().map(({ id }) => id)).size).toBe(1);
    expect(new Set(offers().map(({ context }) => context["token"])).size).toBe(6);
    clock.advance(10_000);
    const [first] = offers();
    await eventually("the lease to end", async () => {
      const task = await subject.store.read.tasks.get(first?.id ?? 0);
      clock.advance(2_000);
      return task?.cause === "not_acknowledged";
    });
  });

  it("end when a runner that used to report itself falls silent", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const report = { system: null, usage: null, phase: null, runningTaskIds: [], problem: null } as const;
    await subject.services.reports.take(runner, report);
    await using stream = read(subject, runner);
    await eventually("parked", () => subject.services.dispatcher.counts.parkedPolls === 1);
    for (let count = 1; count <= 5; count++) {
      clock.advance(15_000);
      await eventually("an event", () => stream.events.length > count);
    }
    await stream.done;
    expect(stream.events.at(-1)).toEqual({ kind: "goaway", reason: "silent" });
  });

  it("suspect a task that was acknowledged and is not held any more", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    {
      await using stream = read(subject, runner);
      await eventually("the offer", () => stream.kinds().includes("offer"));
      const open = [...subject.services.openTasks.ofRunner(runner.id)][0];
      await subject.services.updateTask.report(runner.id, {
        ...{ taskId: open?.task.id ?? 0, result: null, outputs: {} },
        steps: [{ index: 0, result: null, logIndex: 0, logLength: 0, startedAt: 1, stoppedAt: null }],
      });
    }
    await using _again = read(subject, runner);
    const isSuspected = () => subject.services.openTasks.all().every(({ suspectSince }) => suspectSince !== null);
    await eventually("the doubt", isSuspected);
    for (let i = 0; i < 3; i++) {
      clock.advance(10_000);
      await subject.services.leaseKeeper.tick();
    }
    expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({ status: "failure", cause: "runner_lost" });
  });
});
