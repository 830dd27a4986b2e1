import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HostExecutor } from "../../../../src/executors/host/host-executor.ts";
import { eventually } from "../../../support/eventually.ts";
import { nextJobId, run, runningWith, sh, uniqueSleep } from "../../../support/executor-subject.ts";

const { signal } = new AbortController();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "act-runner-host-"));
  await chmod(folder, 0o755);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function open(owner = "me", environment: Record<string, string> = { PATH: process.env["PATH"] ?? "" }) {
  const warnings: string[] = [];
  const executor = await HostExecutor.open({
    workRoot: join(folder, "work"),
    toolCache: join(folder, "tools"),
    owner,
    environment,
    warn: (problem) => void warnings.push(problem.message),
  });
  return { executor, warnings };
}

describe("HostExecutor", () => {
  it("passes the runner's environment on, without its settings and tokens", async () => {
    const { executor } = await open("me", {
      PATH: process.env["PATH"] ?? "",
      LANG: "C",
      ACT_RUNNER_LOG_LEVEL: "debug",
      GITEA_RUNNER_REGISTRATION_TOKEN: "secret",
      SOME_TOKEN: "secret",
      TOKEN_KIND: "x",
    });
    await using job = await executor.prepare({ id: nextJobId(), repository: "o/r" }, { signal });
    const { stdout } = await run(job, ["env"], { env: { LANG: "de", OWN_TOKEN: "1" } });
    const names = stdout.map((line) => line.split("=")[0]).sort();
    expect(names).toEqual(["LANG", "OWN_TOKEN", "PATH", "RUNNER_TRACKING_ID", "TOKEN_KIND"]);
    expect(stdout).toContain("LANG=de");
  });

  it("lays the workspace out as GitHub does", async () => {
    const { executor } = await open();
    const id = nextJobId();
    await using job = await executor.prepare({ id, repository: "octo/hello.world" }, { signal });
    expect(job.paths.workspace).toBe(join(folder, "work", id, "hello.world/hello.world"));
    await using temp = await executor.prepare({ id: nextJobId(), repository: "octo/_temp" }, { signal });
    expect(temp.paths.workspace).not.toContain(`${temp.paths.temp}/`);
  });

  it("refuses names that lead elsewhere, and an id that is in use", async () => {
    const { executor } = await open();
    for (const [id, repository] of [
      ["../x", "o/r"],
      ["", "o/r"],
      [".claims", "o/r"],
      ["a", "o/.."],
      ["a", "o/"],
      ["a/b", "o/r"],
    ] as const) {
      await expect(executor.prepare({ id, repository }, { signal })).rejects.toMatchObject({ code: "invalid" });
    }
    await using job = await executor.prepare({ id: "same", repository: "o/r" }, { signal });
    await expect(executor.prepare({ id: "same", repository: "o/r" }, { signal })).rejects.toMatchObject({
      code: "conflict",
    });
    const other = await open("other");
    await expect(other.executor.prepare({ id: "same", repository: "o/r" }, { signal })).rejects.toMatchObject({
      code: "conflict",
    });
    expect((await stat(job.paths.workspace)).isDirectory()).toBe(true);
  });

  it("leaves nothing of a job that cannot be prepared", async () => {
    const { executor } = await open();
    await rm(join(folder, "work"), { recursive: true });
    await writeFile(join(folder, "work"), "a file");
    await expect(executor.prepare({ id: "a", repository: "o/r" }, { signal })).rejects.toMatchObject({
      code: "unavailable",
    });
    await rm(join(folder, "work"));
    await using job = await executor.prepare({ id: "a", repository: "o/r" }, { signal });
    expect((await sh(job, "true")).exit.kind).toBe("exited");
  });

  it("says which folder cannot be made", async () => {
    await writeFile(join(folder, "work"), "a file");
    await expect(open()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(join(folder, "work")),
    });
  });

  it("a process that clears RUNNER_TRACKING_ID outlives the job, as on GitHub", async () => {
    const { executor } = await open();
    const seconds = uniqueSleep();
    const job = await executor.prepare({ id: nextJobId(), repository: "o/r" }, { signal });
    const { stdout } = await sh(job, `RUNNER_TRACKING_ID= sleep ${seconds} >/dev/null 2>&1 & echo $!`);
    await job[Symbol.asyncDispose]();
    expect(await runningWith(`sleep\0${seconds}`)).toBe(1);
    process.kill(Number(stdout[0]), "SIGKILL");
  });
});

describe("orphans", () => {
  /** Another runner process: prepares a job, starts a step that does not end, and is killed. */
  async function crashedRunner(owner: string, seconds: string): Promise<void> {
    const module = join(import.meta.dirname, "../../../../src/executors/host/host-executor.ts");
    const program = `
      const { HostExecutor } = await import(${JSON.stringify(module)});
      const executor = await HostExecutor.open({ workRoot: ${JSON.stringify(join(folder, "work"))},
        toolCache: ${JSON.stringify(join(folder, "tools"))}, owner: ${JSON.stringify(owner)}, warn() {} });
      const { signal } = new AbortController();
      const job = await executor.prepare({ id: "job-of-${owner}", repository: "o/r" }, { signal });
      await job.exec({ argv: ["sh", "-c", "setsid sleep ${seconds} & sleep ${seconds}"], cwd: job.paths.workspace, env: {} },
        { signal, output() {} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" });
    await eventually("the sleepers", async () => (await runningWith(`sleep\0${seconds}`)) === 2);
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  it("of an earlier life are ended and removed, those of another runner are not", async () => {
    const [mine, theirs] = [uniqueSleep(), uniqueSleep()];
    await crashedRunner("me", mine);
    await crashedRunner("them", theirs);
    expect((await readdir(join(folder, "work"))).sort()).toEqual([".claims", "job-of-me", "job-of-them"]);
    const { warnings } = await open("me");
    expect(warnings).toEqual([]);
    expect(await readdir(join(folder, "work"))).toEqual([".claims", "job-of-them"]);
    expect([await runningWith(`sleep\0${mine}`), await runningWith(`sleep\0${theirs}`)]).toEqual([0, 2]);
    await open("them");
    expect([await readdir(join(folder, "work")), await runningWith(`sleep\0${theirs}`)]).toEqual([[".claims"], 0]);
  });

  it("running jobs are none", async () => {
    const { executor } = await open();
    await using job = await executor.prepare({ id: nextJobId(), repository: "o/r" }, { signal });
    const seconds = uniqueSleep();
    await sh(job, `sleep ${seconds} >/dev/null 2>&1 &`);
    await executor.cleanOrphans();
    expect([await runningWith(`sleep\0${seconds}`), (await sh(job, "true")).exit.kind]).toEqual([1, "exited"]);
  });

  it("other folders below the root are left alone", async () => {
    await mkdir(join(folder, "work", "mine"), { recursive: true });
    await open();
    expect(await readdir(join(folder, "work"))).toContain("mine");
  });
});
