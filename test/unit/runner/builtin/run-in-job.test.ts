import { expect, it } from "vitest";
import { type RunInJobOptions, runInJob } from "../../../../src/runner/builtin/run-in-job.ts";
import type { StageScope } from "../../../../src/runner/engine/step-handler.ts";

type Output = (line: string, stream: "stdout" | "stderr") => void;

/** A program that prints a line many times. */
async function run(line: string, times: number, options: Partial<RunInJobOptions> = {}) {
  const exec = async (_: unknown, { output }: { readonly output: Output }) => {
    for (let printed = 0; printed < times; printed++) output(line, "stdout");
    return { kind: "exited", code: 0 };
  };
  const environment = { exec, paths: { workspace: "/ws" } };
  const scope = { environment, signal: new AbortController().signal } as unknown as StageScope;
  return await runInJob(scope, ["find", "/"], { env: {}, ...options });
}

it("keeps all that a program prints", async () => {
  expect((await run("a", 1_000_000)).stdout).toHaveLength(1_000_000);
});

it.each([
  ["lines", "a", 1_000_001],
  ["characters", "a".repeat(64 * 1024), 1025],
])("fails when a program prints too many %s", async (_, line, times) => {
  await expect(run(line, times)).rejects.toThrow("find printed more than 1000000 lines");
});

it("keeps the last lines when no more are wanted", async () => {
  expect((await run("a", 1_000_001, { maxLines: 2 })).stdout).toEqual(["a", "a"]);
});
