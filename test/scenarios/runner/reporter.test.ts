import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { Result } from "../../../src/protocol/messages.ts";
import { createRunnerClient } from "../../../src/runner/client.ts";
import type { ReportTiming } from "../../../src/runner/report/report-parts.ts";
import { Reporter } from "../../../src/runner/report/reporter.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeGitea, type FakeTask } from "../../support/fake-gitea/fake-gitea.ts";

const TIMING: ReportTiming = {
  logLatencyMs: 20,
  logBatchRows: 100,
  heartbeatMs: 50,
  callTimeoutMs: 2_000,
  giveUpMs: 5_000,
  retry: { baseMs: 10, maxMs: 50 },
};

describe("Reporter", () => {
  let gitea: FakeGitea;
  let folder: string;
  let task: FakeTask;
  const serverResults: Result[] = [];

  beforeEach(async () => {
    gitea = await FakeGitea.start();
    folder = await mkdtemp(join(tmpdir(), "reporter-"));
    task = gitea.enqueue({ workflow: "" });
    serverResults.length = 0;
  });

  afterEach(async () => {
    await gitea[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  function start(timing: Partial<ReportTiming> = {}) {
    const client = createRunnerClient({ address: gitea.address, identity: gitea, version: "test" });
    const reporter = new Reporter({
      taskId: task.task.id,
      client: client.runner,
      clock: systemClock,
      ids: systemIds,
      logger: silentLogger,
      timing: { ...TIMING, ...timing },
      steps: 2,
      spoolFile: join(folder, "rows"),
      onServerResult: (result) => serverResults.push(result),
    });
    const close = async () => {
      await reporter[Symbol.asyncDispose]();
      client[Symbol.dispose]();
    };
    return { reporter, close };
  }

  const line = (text: string, step: number | null = 0) => ({ type: "line", step, text, at: Date.now() }) as const;
  const done = { type: "job-finished", result: "success", at: 5_000 } as const;

  it("acknowledges the task at once, sends rows while the job runs, the last row before the result", async () => {
    const { reporter, close } = start();
    await eventually("the first report", () => task.state !== undefined);
    await reporter.emit({ type: "step-started", step: 0, name: "one", at: 1_000 });
    await reporter.emit(line("hello"));
    await eventually("the row", () => task.rows.length === 1);
    await reporter.emit({ type: "step-finished", step: 0, outcome: "failure", conclusion: "success", at: 2_000 });
    await reporter.emit({ type: "output", name: "version", value: "1.2" });
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.rows.map((row) => row.text)).toEqual(["hello", ""]);
    expect(task).toMatchObject({ logClosed: true, result: Result.SUCCESS, rowsAtResult: 2 });
    expect(task.outputs).toEqual(new Map([["version", "1.2"]]));
    expect(task.state?.steps.map((step) => [step.result, Number(step.logIndex), Number(step.logLength)])).toEqual([
      [Result.SUCCESS, 0, 1],
      [Result.CANCELLED, 0, 0],
    ]);
    const results = gitea
      .callsOf("updateTask")
      .map((call) => (call.request as { state: { result: Result } }).state.result);
    expect(results.slice(0, -1).every((result) => result === Result.UNSPECIFIED)).toBe(true);
  });

  it("keeps everything while the server is away", async () => {
    const { reporter, close } = start();
    await eventually("the first report", () => task.state !== undefined);
    await gitea.close();
    for (let index = 0; index < 3_000; index += 1) await reporter.emit(line(`row ${index}`));
    await reporter.emit(done);
    const finished = reporter.finish();
    await gitea.open();
    expect(await finished).toBe("done");
    await close();
    expect(task.rows.map((row) => row.text)).toEqual(Array.from({ length: 3_000 }, (_, index) => `row ${index}`));
    expect(task.result).toBe(Result.SUCCESS);
  });

  it.each([
    ["already_exists, as by Forgejo", new ConnectError("no", Code.AlreadyExists)],
    ["a sentence, as by Gitea", new ConnectError("log file has been archived", Code.Unknown)],
  ])("drops the rows of a log that the server has put away (%s), and tells the result", async (_, error) => {
    const { reporter, close } = start();
    await reporter.emit(line("one"));
    await eventually("the row", () => task.rows.length === 1);
    gitea.failNext("updateLog", 1_000, error);
    for (let index = 0; index < 500; index += 1) await reporter.emit(line(`row ${index}`));
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task).toMatchObject({ result: Result.SUCCESS, rows: [{ text: "one" }] });
    expect(gitea.callsOf("updateLog").length).toBeLessThan(10);
  });

  it("sends again when answers get lost, and takes partial acknowledgements", async () => {
    gitea.loseNext("updateLog", 3);
    gitea.loseNext("updateTask", 2);
    gitea.failNext("updateLog", 2);
    gitea.maxAckRows = 7;
    const { reporter, close } = start();
    for (let index = 0; index < 100; index += 1) await reporter.emit(line(`row ${index}`));
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.rows.map((row) => row.text)).toEqual(Array.from({ length: 100 }, (_, index) => `row ${index}`));
    expect(task).toMatchObject({ logClosed: true, result: Result.SUCCESS, rowsAtResult: 100 });
  });

  it("fills in for rows that the server lost, so that later rows keep their numbers", async () => {
    const { reporter, close } = start();
    await reporter.emit(line("first"));
    await reporter.emit(line("second"));
    await eventually("two rows", () => task.rows.length === 2);
    task.rows.length = 1;
    await reporter.emit(line("third"));
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.rows).toHaveLength(3);
    expect(task.rows[1]?.text).toContain("lost");
    expect(task.rows[2]?.text).toBe("third");
  });

  it("hears of a cancel by the heartbeat", async () => {
    const { reporter, close } = start();
    await eventually("the first report", () => task.state !== undefined);
    task.cancelling = true;
    await eventually("the cancel", () => serverResults.includes(Result.CANCELLED));
    await reporter.emit({ type: "job-finished", result: "cancelled", at: 1 });
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.result).toBe(Result.CANCELLED);
  });

  it("gives up at its own limit", async () => {
    const { reporter, close } = start({ giveUpMs: 100 });
    await gitea.close();
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("gave-up");
    await close();
  });

  it("ends when the server has removed the ephemeral runner, though the answer to the result was lost", async () => {
    gitea.forgetsAfterResult = true;
    const { reporter, close } = start();
    await eventually("the first report", () => task.state !== undefined);
    await reporter.emit(done);
    gitea.loseNext("updateTask", 1);
    expect(await reporter.finish()).toBe("unregistered");
    await close();
    expect(task.result).toBe(Result.SUCCESS);
  });

  it("does not repeat outputs for ever that the server never confirms", async () => {
    gitea.forgetsOutputs = true;
    const { reporter, close } = start();
    await reporter.emit({ type: "output", name: "a", value: "b" });
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.outputs.get("a")).toBe("b");
  });

  it("cuts a long line into rows that servers keep whole", async () => {
    const { reporter, close } = start();
    const text = `${"é😀".repeat(30_000)}end`;
    await reporter.emit({ type: "step-started", step: 0, name: "one", at: 1 });
    await reporter.emit(line(text));
    await reporter.emit({ type: "step-finished", step: 0, outcome: "success", conclusion: "success", at: 2 });
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    const rows = task.rows.map((row) => row.text);
    expect(rows.slice(0, -1).every((row) => Buffer.byteLength(row) <= 65_536)).toBe(true);
    expect(rows.join("")).toBe(text);
    expect(Number(task.state?.steps[0]?.logLength)).toBe(rows.filter((row) => row !== "").length);
  });

  it("brings 100,000 rows over complete and in order", async () => {
    const { reporter, close } = start();
    for (let index = 0; index < 100_000; index += 1) {
      const pushed = reporter.emit(line(`${index}`));
      if (pushed !== undefined) await pushed;
      if (index % 5_000 === 0) await new Promise(setImmediate);
    }
    await reporter.emit(done);
    expect(await reporter.finish()).toBe("done");
    await close();
    expect(task.rows).toHaveLength(100_000);
    expect(task.rows.findIndex((row, index) => row.text !== `${index}`)).toBe(-1);
  });
});
