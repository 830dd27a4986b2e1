import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WorkflowThreads } from "../../../../src/server/services/workflow-threads.ts";
import { FakeClock } from "./fake-clock.ts";

const SMALL = "on: push\njobs:\n  one:\n    runs-on: linux\n    steps: [{ run: echo }]\n";

/** Near the limit of 100,000 values: some hundred milliseconds on any machine. */
const LARGE = `on: push\njobs:\n  one:\n    runs-on: linux\n    steps:\n${'      - { run: "true" }\n'.repeat(25_000)}`;

describe("the threads that read workflow files", () => {
  let clock: FakeClock;
  let threads: WorkflowThreads;

  beforeEach(() => {
    clock = new FakeClock();
    threads = new WorkflowThreads(clock);
  });
  afterEach(() => threads[Symbol.asyncDispose]());

  it("leave the event loop free while a large file is read", async () => {
    await threads.read(SMALL);
    let turns = 0;
    let reading = true;
    const spin = () => {
      turns++;
      if (reading) setImmediate(spin);
    };
    const read = threads.read(LARGE);
    setImmediate(spin);
    expect((await read).workflow?.jobs.get("one")?.steps).toHaveLength(25_000);
    reading = false;
    expect(turns).toBeGreaterThan(100);
  });

  it("give a file up that takes too long, and no other", async () => {
    const slow = threads.read(LARGE);
    const next = threads.read(SMALL);
    clock.advance(10_000);
    await expect(slow).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("too long") });
    expect((await next).workflow?.jobs.size).toBe(1);
    expect(await threads.payload(SMALL, "one", { name: "one", runsOn: ["linux"], matrix: {} })).toContain("linux");
  });

  it("are not asked again for a payload that they made", async () => {
    const payload = () => threads.payload(SMALL, "one", { name: "one", runsOn: ["linux"], matrix: {} });
    const [first, second] = await Promise.all([payload(), payload()]);
    expect(second).toBe(first);
    const order: string[] = [];
    const busy = threads.readStored(LARGE).then(() => order.push("the file before it in the line"));
    await Promise.all([busy, payload().then(() => order.push("the payload"))]);
    expect(order).toEqual(["the payload", "the file before it in the line"]);
    expect(await threads.payload(SMALL, "one", { name: "one", runsOn: ["mac"], matrix: {} })).toContain("mac");
  });

  it("pass on what is wrong with a file, and refuse nothing but that", async () => {
    expect((await threads.read("on: push\n")).workflow).toBeUndefined();
    await expect(threads.payload(SMALL, "two", { name: "", runsOn: [], matrix: {} })).rejects.toMatchObject({
      code: "not_found",
    });
    const facts = { github: {}, inputs: {}, vars: {}, attempt: 1, now: 5 };
    expect((await threads.plan(SMALL, [], facts)).jobs).toMatchObject([
      { key: "one", status: "waiting", runsOn: ["linux"] },
    ]);
  });
});
