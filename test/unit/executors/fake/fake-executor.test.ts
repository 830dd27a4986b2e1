import { describe, expect, it } from "vitest";
import { FakeExecutor } from "../../../../src/executors/fake/fake-executor.ts";
import { AppError } from "../../../../src/lib/errors.ts";
import { run } from "../../../support/executor-subject.ts";

const { signal } = new AbortController();
const job = { id: "1", repository: "o/r" };

describe("FakeExecutor", () => {
  it("answers from its script and records the steps", async () => {
    const executor = new FakeExecutor({
      answer: ({ argv }, nth) => ({
        lines: [`${nth}: ${argv.join(" ")}`, { text: "err", stream: "stderr" }],
        effect: (environment, { env }) => environment.writeFile(env["GITHUB_OUTPUT"] ?? "", "a=1"),
        code: 3,
      }),
    });
    const environment = await executor.prepare(job, { signal });
    const output = `${environment.paths.temp}/output`;
    const ran = await run(environment, ["x", "y"], { env: { GITHUB_OUTPUT: output } });
    expect(ran).toEqual({ exit: { kind: "exited", code: 3 }, stdout: ["0: x y"], stderr: ["err"] });
    expect(String(await environment.readFile(output, { maxBytes: 10 }))).toBe("a=1");
    expect(executor.environments[0]?.steps.map(({ argv }) => argv)).toEqual([["x", "y"]]);
    expect(executor.live).toHaveLength(1);
    await environment[Symbol.asyncDispose]();
    expect(executor.live).toHaveLength(0);
  });

  it("has a step that does not start, one that runs out of memory, and one that waits for its end", async () => {
    const notStarted = new AppError("not_found", "no bash");
    const answers = [{ notStarted }, { outOfMemory: true, code: 137 }, { untilSignal: true, killMs: 1 }] as const;
    const environment = await new FakeExecutor({ answer: (_, nth) => answers[nth] ?? {} }).prepare(job, { signal });
    expect((await run(environment, ["a"])).exit).toEqual({ kind: "not-started", error: notStarted });
  });

  it("counts a step that did not start too", async () => {
    const answers = [
      { notStarted: new AppError("not_found", "no bash") },
      { outOfMemory: true, code: 137 },
      { untilSignal: true, killMs: 1 },
    ] as const;
    const environment = await new FakeExecutor({ answer: (_, nth) => answers[nth] ?? {} }).prepare(job, { signal });
    await run(environment, ["a"]);
    expect((await run(environment, ["b"])).exit).toEqual({ kind: "exited", code: 137, outOfMemory: true });
    const kill = new AbortController();
    const running = run(environment, ["c"], { signal: kill.signal });
    kill.abort("timeout");
    expect((await running).exit).toEqual({ kind: "killed", reason: "timeout" });
  });

  it("fails to prepare, and to dispose, when told so", async () => {
    const failing = () => {
      throw new AppError("unavailable", "no disk");
    };
    await expect(new FakeExecutor({ prepare: failing }).prepare(job, { signal })).rejects.toThrow("no disk");
    const environment = await new FakeExecutor({ dispose: failing }).prepare(job, { signal });
    await expect(environment[Symbol.asyncDispose]()).rejects.toThrow("no disk");
    await environment[Symbol.asyncDispose]();
  });
});
