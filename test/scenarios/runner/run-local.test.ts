import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Git } from "../../../src/drivers/git/git.ts";
import type { Executor } from "../../../src/executors/executor.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { readLocalWorkflows } from "../../../src/runner/local-workflows.ts";
import { type RunLocalOptions, runLocal } from "../../../src/runner/run-local.ts";
import { openHostExecutor } from "../../support/open-host-executor.ts";

const where = (executor: Executor) => ({
  place: () => ({ executor }),
  git: new Git({ path: process.env["PATH"] ?? "" }),
});

describe("runLocal", () => {
  let folder: string;
  let project: string;
  let printed: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "local-"));
    project = join(folder, "project");
    await mkdir(join(project, ".gitea", "workflows"), { recursive: true });
    await writeFile(join(project, "changed file"), "not committed\n");
    await writeFile(join(project, ".gitignore"), "ignored\n");
    await writeFile(join(project, "ignored"), "x\n");
    execFileSync("git", ["init", "-q", project]);
    printed = [];
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function run(workflow: string, more: Partial<RunLocalOptions> = {}) {
    await writeFile(join(project, ".gitea", "workflows", "ci.yml"), workflow);
    return runLocal({
      directory: project,
      files: await readLocalWorkflows(project),
      event: "push",
      secrets: { PASSWORD: "hunter2" },
      vars: {},
      env: {},
      github: { repository: "local/project", ref: "refs/heads/main", sha: "" },
      timeoutMs: 60_000,
      version: "9",
      ...where(await openHostExecutor(folder)),
      printer: {
        problems: (file, diagnostics) => printed.push(...diagnostics.map((one) => `${file}: ${one.message}`)),
        jobStarted: (name) => printed.push(`start ${name}`),
        event: (name, event) =>
          void (event.type === "line" && event.step !== null && printed.push(`${name}: ${event.text}`)),
        jobFinished: (name, result) => printed.push(`end ${name} ${result}`),
      },
      clock: systemClock,
      ids: systemIds,
      logger: silentLogger,
      signal: new AbortController().signal,
      ...more,
    });
  }

  it("runs jobs in the order of their needs, with the files of the folder", async () => {
    const result = await run(`on: push
jobs:
  second:
    needs: first
    runs-on: x
    steps:
      - run: echo "got \${{ needs.first.outputs.v }}"
  first:
    runs-on: x
    outputs:
      v: \${{ steps.a.outputs.v }}
    steps:
      - uses: actions/checkout@v4
      - id: a
        run: cat 'changed file'; ls -a; echo v=7 >> $GITHUB_OUTPUT; echo "\${{ secrets.PASSWORD }}"
`);
    expect(result).toBe("success");
    expect(printed.filter((line) => /^(start|end)/.test(line))).toEqual([
      "start first",
      "end first success",
      "start second",
      "end second success",
    ]);
    expect(printed).toContain("first: not committed");
    expect(printed).toContain("first: .git");
    expect(printed).not.toContain("first: ignored");
    expect(printed).toContain("second: got 7");
    expect(printed.join("\n")).not.toContain("hunter2");
  });

  it("expands matrices, skips after failures, runs what asks for it", async () => {
    const result = await run(`on: push
jobs:
  m:
    strategy:
      matrix: {v: [1, 2]}
    runs-on: x
    steps:
      - run: exit \${{ matrix.v == 2 && 1 || 0 }}
  skipped:
    needs: m
    runs-on: x
    steps: [{run: echo no}]
  always:
    needs: m
    if: always()
    runs-on: x
    steps: [{run: "echo \${{ needs.m.result }}"}]
`);
    expect(result).toBe("failure");
    expect(printed.filter((line) => line.startsWith("end"))).toEqual([
      "end m (1) success",
      "end m (2) failure",
      "end skipped skipped",
      "end always success",
    ]);
    expect(printed).toContain("always: failure");
  });

  it("takes only the jobs that were asked for, and what they need", async () => {
    const workflow =
      "on: push\njobs:\n  a: {runs-on: x, steps: [{run: 'true'}]}\n  b: {runs-on: x, needs: a, steps: [{run: 'true'}]}\n  c: {runs-on: x, steps: [{run: 'true'}]}\n";
    expect(await run(workflow, { jobs: ["b"] })).toBe("success");
    expect(printed.filter((line) => line.startsWith("start"))).toEqual(["start a", "start b"]);
    await expect(run(workflow, { jobs: ["z"] })).rejects.toThrow("there is no job 'z'");
  });

  it("says when no workflow declares the event", async () => {
    await expect(
      run("on: [push, pull_request]\njobs: {a: {runs-on: x, steps: [{run: 'true'}]}}\n", { event: "release" }),
    ).rejects.toThrow("declared are: push, pull_request");
  });

  it("says when there is no workflow", async () => {
    await expect(readLocalWorkflows(folder)).rejects.toMatchObject({ code: "not_found" });
  });
});
