import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../../../src/drivers/machine/machine.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { type DeclareRequest, Result } from "../../../src/protocol/messages.ts";
import { compileConfig, type RunnerConfig } from "../../../src/runner/config.ts";
import { type DaemonOptions, defaultSpoolFolder, runDaemon } from "../../../src/runner/daemon.ts";
import { machineExecutors } from "../../../src/runner/machine-executors.ts";
import { runOnce } from "../../../src/runner/run-once.ts";
import { loadRunnerFile, saveRunnerFile } from "../../../src/runner/runner-file.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeGitea, type FakeTask } from "../../support/fake-gitea/fake-gitea.ts";

const workflow = (steps: string, rest = "") =>
  `name: CI\non: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n${rest}    steps:\n${steps}`;

const run = (script: string, more = "") => `      - run: |\n${script.replaceAll(/^/gm, "          ")}\n${more}`;

describe("runDaemon", () => {
  let gitea: FakeGitea;
  let folder: string;
  let stop: AbortController;
  let kill: AbortController;
  let config: RunnerConfig;

  beforeEach(async () => {
    gitea = await FakeGitea.start();
    folder = await mkdtemp(join(tmpdir(), "daemon-"));
    stop = new AbortController();
    kill = new AbortController();
    config = {
      ...compileConfig({}).config,
      runnerFile: join(folder, ".runner"),
      fetchIntervalMs: 10,
      fetchIntervalMaxMs: 50,
      heartbeatMs: 50,
      logLatencyMs: 20,
      reportGiveUpMs: 10_000,
    };
    await saveIdentity({});
  });

  afterEach(async () => {
    await gitea[Symbol.asyncDispose]();
    expect(await readdir(join(folder, ".runner-work", "jobs")).catch(() => [])).not.toContain(
      expect.stringMatching("task-"),
    );
    expect(await readdir(defaultSpoolFolder(config.runnerFile)).catch(() => [])).toEqual([]);
    expect(await readdir(folder)).not.toContain(".runner.lock");
    await rm(folder, { recursive: true });
  });

  const saveIdentity = (more: { ephemeral?: boolean; labels?: string[] }) =>
    saveRunnerFile(join(folder, ".runner"), {
      id: 3,
      uuid: gitea.uuid,
      name: "one",
      token: gitea.token,
      address: gitea.address,
      labels: ["ubuntu-latest:host"],
      ephemeral: false,
      ...more,
    });

  const parts = () => ({
    config,
    version: "9.9.9",
    executors: machineExecutors({
      config,
      environment: { PATH: process.env["PATH"], DOCKER_HOST: "unix:///nowhere/docker.sock" },
      clock: systemClock,
      logger: silentLogger,
    }),
    spoolFolder: defaultSpoolFolder(config.runnerFile),
    machine: new Machine({ env: { PATH: process.env["PATH"] }, folder, clock: systemClock }),
    clock: systemClock,
    ids: systemIds,
    logger: silentLogger,
    stop: stop.signal,
    kill: kill.signal,
  });

  const daemon = (more: Partial<DaemonOptions> = {}) => runDaemon({ ...parts(), ...more });

  const texts = (task: FakeTask) => task.rows.map((row) => row.text);
  const stepRows = (task: FakeTask, index: number) => {
    const step = task.state?.steps[index];
    const from = Number(step?.logIndex ?? 0n);
    return texts(task).slice(from, from + Number(step?.logLength ?? 0n));
  };
  const finished = (task: FakeTask) => eventually("the result", () => task.result !== Result.UNSPECIFIED, 25_000);

  it("runs a job from its first report to its last", async () => {
    const task = gitea.enqueue({
      workflow: workflow(
        `${run('echo "hello from $GITHUB_REPOSITORY run $GITHUB_RUN_ID $GITEA_ACTIONS"\necho "token $GH"\necho "v=1.2" >> "$GITHUB_OUTPUT"', "        id: one\n        env:\n          GH: ${{ secrets.GITHUB_TOKEN }}\n")}${run('echo "got ${{ steps.one.outputs.v }}"; cat "$GITHUB_EVENT_PATH" | head -1; pwd')}`,
        "    outputs:\n      version: ${{ steps.one.outputs.v }}\n",
      ),
    });
    const ended = daemon();
    await finished(task);
    stop.abort();
    expect(await ended).toEqual({ end: "stopped", lastResult: "success" });
    expect(task).toMatchObject({ result: Result.SUCCESS, logClosed: true });
    expect(task.rowsAtResult).toBe(task.rows.length);
    expect(task.outputs).toEqual(new Map([["version", "1.2"]]));
    expect(stepRows(task, 0)).toContain("hello from octo/repo run 41 true");
    expect(stepRows(task, 0)).toContain("token ***");
    expect(stepRows(task, 1)).toContain("got 1.2");
    expect(texts(task).join("\n")).not.toContain("task-token-5c1f");
    expect(gitea.callsOf("declare").map((call) => call.request as DeclareRequest)).toMatchObject([
      { labels: ["ubuntu-latest"], capabilities: ["cancelling", "token-rotation"], version: "9.9.9" },
    ]);
    expect(gitea.callsOf("register")).toEqual([]);
  });

  it("reports a failing step, what was skipped and what ran nevertheless", async () => {
    const task = gitea.enqueue({
      workflow: workflow(
        `${run("echo to stderr >&2; exit 3")}${run("echo no")}${run("echo always", "        if: always()\n")}`,
      ),
    });
    const ended = daemon({ once: true });
    expect(await ended).toEqual({ end: "enough", lastResult: "failure" });
    expect(task.result).toBe(Result.FAILURE);
    expect(task.state?.steps.map((step) => step.result)).toEqual([Result.FAILURE, Result.SKIPPED, Result.SUCCESS]);
    expect(stepRows(task, 0).slice(-2)).toEqual(["to stderr", "##[error]Process completed with exit code 3."]);
    expect(stepRows(task, 2)).toContain("always");
  });

  it.each([true, false])("runs steps under a terminal where the configuration says so (%s)", async (allocatePty) => {
    config = { ...config, allocatePty };
    const task = gitea.enqueue({ workflow: workflow(run("test -t 1 && echo terminal || echo pipe")) });
    await daemon({ once: true });
    expect(stepRows(task, 0).at(-1)).toBe(allocatePty ? "terminal" : "pipe");
  });

  it("lines reach the server while the step runs; a cancel ends it and runs always() steps", async () => {
    const task = gitea.enqueue({
      workflow: workflow(`${run("echo begun\nsleep 60 & wait")}${run("echo cleanup", "        if: always()\n")}`),
    });
    const ended = daemon({ once: true });
    await eventually("the first line", () => texts(task).includes("begun"));
    task.cancelling = true;
    expect(await ended).toEqual({ end: "enough", lastResult: "cancelled" });
    expect(task.result).toBe(Result.CANCELLED);
    expect(task.state?.steps.map((step) => step.result)).toEqual([Result.CANCELLED, Result.SUCCESS]);
    expect(stepRows(task, 1)).toContain("cleanup");
  });

  it("goes on while the server is away, and loses nothing", async () => {
    const flag = join(folder, "go");
    const task = gitea.enqueue({
      workflow: workflow(
        run(
          `echo before\nwhile [ ! -e '${flag}' ]; do sleep 0.02; done\nfor i in $(seq 1 2000); do echo "row $i"; done\ntouch '${flag}/done'`,
        ),
      ),
    });
    const ended = daemon({ once: true });
    await eventually("the first line", () => texts(task).includes("before"));
    await gitea.close();
    await mkdir(flag);
    await eventually("the end of the script", async () => (await readdir(flag)).includes("done"));
    await gitea.open();
    expect(await ended).toEqual({ end: "enough", lastResult: "success" });
    const rows = texts(task).filter((text) => text.startsWith("row "));
    expect(rows).toEqual(Array.from({ length: 2_000 }, (_, index) => `row ${index + 1}`));
    expect(task).toMatchObject({ result: Result.SUCCESS, logClosed: true, rowsAtResult: task.rows.length });
  });

  it("goes on when answers get lost", async () => {
    gitea.loseNext("updateLog", 2);
    gitea.loseNext("updateTask", 3);
    gitea.loseNext("declare", 1);
    const task = gitea.enqueue({ workflow: workflow(run("for i in $(seq 1 50); do echo line $i; done")) });
    config = { ...config };
    const sleepy = {
      ...systemClock,
      sleep: (ms: number, options: { signal?: AbortSignal }) => systemClock.sleep(Math.min(ms, 20), options),
    };
    expect(await daemon({ once: true, clock: sleepy })).toEqual({ end: "enough", lastResult: "success" });
    expect(texts(task).filter((text) => text.startsWith("line "))).toHaveLength(50);
    expect(task.result).toBe(Result.SUCCESS);
  });

  it("brings 100,000 lines over complete and in order", async () => {
    const task = gitea.enqueue({ workflow: workflow(run("seq 1 100000")) });
    await daemon({ once: true });
    const numbers = stepRows(task, 0).slice(4).map(Number);
    expect(numbers).toHaveLength(100_000);
    expect(numbers.findIndex((value, index) => value !== index + 1)).toBe(-1);
  });

  it("masks a secret that is written in two pieces", async () => {
    const task = gitea.enqueue({
      workflow: workflow(run("printf 'x hun'; sleep 0.2; printf 'ter2 y\\n'")),
      secrets: { PASSWORD: "hunter2" },
    });
    await daemon({ once: true });
    expect(stepRows(task, 0)).toContain("x *** y");
  });

  it("a task that cannot be read fails with the reason in its log", async () => {
    const broken = gitea.enqueue({ workflow: "on: push\njobs:\n  a:\n    runs-on: x\n    steps: 3\n" });
    const two = gitea.enqueue({
      workflow: "on: push\njobs:\n  a: {runs-on: x, steps: [{run: a}]}\n  b: {runs-on: x, steps: [{run: a}]}\n",
    });
    const ended = daemon();
    await finished(broken);
    await finished(two);
    stop.abort();
    await ended;
    expect([broken.result, two.result]).toEqual([Result.FAILURE, Result.FAILURE]);
    expect(texts(broken).join("\n")).toMatch(/line 5/);
    expect(texts(two).join("\n")).toContain("2 jobs");
  });

  it("an ephemeral runner ends after its task, although the server forgets it with the result", async () => {
    await saveIdentity({ ephemeral: true });
    gitea.forgetsAfterResult = true;
    const task = gitea.enqueue({ workflow: workflow(run("echo hi")) });
    gitea.enqueue({ workflow: workflow(run("echo second")) });
    expect(await daemon()).toEqual({ end: "enough", lastResult: "success" });
    expect(task).toMatchObject({ result: Result.SUCCESS, logClosed: true });
    expect(gitea.callsOf("fetchTask")).toHaveLength(1);
  });

  it("finishes its job when the server has forgotten it, then ends", async () => {
    config = { ...config, capacity: 2, reportGiveUpMs: 200 };
    const task = gitea.enqueue({ workflow: workflow(run("echo begun; sleep 0.2")) });
    const ended = daemon();
    await eventually("the first line", () => texts(task).includes("begun"));
    gitea.forgotten = "as-unknown";
    expect(await ended).toEqual({ end: "unregistered", lastResult: "success" });
  });

  it("does not start when the server does not know it", async () => {
    gitea.forgotten = "as-unknown";
    await expect(daemon()).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("does not start where a proxy answers 404, and says where to look", async () => {
    gitea.failNext("declare", 1, new ConnectError("HTTP 404", Code.Unimplemented));
    await expect(daemon()).rejects.toThrow(
      /has no runner protocol below \/api\/actions: check the address and the proxies/,
    );
  });

  it("stop leaves running jobs their time; kill ends them, and the result is reported", async () => {
    config = { ...config, shutdownTimeoutMs: 60_000 };
    const task = gitea.enqueue({ workflow: workflow(run("echo begun; sleep 60")) });
    const next = gitea.enqueue({ workflow: workflow(run("echo never")) });
    const ended = daemon();
    await eventually("the first line", () => texts(task).includes("begun"));
    stop.abort();
    await eventually("another heartbeat", () => gitea.callsOf("updateTask").length > 4);
    expect(task.result).toBe(Result.UNSPECIFIED);
    kill.abort();
    expect(await ended).toEqual({ end: "stopped", lastResult: "cancelled" });
    expect(task.result).toBe(Result.CANCELLED);
    expect(next.handedOut).toBe(0);
  });

  it("stop without a time of grace ends running jobs", async () => {
    const task = gitea.enqueue({ workflow: workflow(run("echo begun; sleep 60")) });
    const ended = daemon();
    await eventually("the first line", () => texts(task).includes("begun"));
    stop.abort();
    await ended;
    expect(task.result).toBe(Result.CANCELLED);
  });

  it("the job's time limit of the configuration fails the job", async () => {
    config = { ...config, jobTimeoutMs: 300 };
    const task = gitea.enqueue({ workflow: workflow(run("sleep 60")) });
    expect(await daemon({ once: true })).toMatchObject({ lastResult: "failure" });
    expect(texts(task).join("\n")).toContain("time limit");
  });

  it("labels of the command line win and are kept; a container label without an engine fails the job", async () => {
    const task = gitea.enqueue({ workflow: workflow(run("echo hi")) });
    expect(await daemon({ once: true, labels: ["ubuntu-latest:docker://node:22"] })).toMatchObject({
      lastResult: "failure",
    });
    expect(texts(task).join("\n")).toContain("wants docker");
    expect((await loadRunnerFile(config.runnerFile))?.labels).toEqual(["ubuntu-latest:docker://node:22"]);
  });

  it("refuses to run twice, and without a registration", async () => {
    const first = daemon();
    await eventually(
      "the lock",
      async () => (await readFile(`${config.runnerFile}.lock`, "utf8").catch(() => "")) !== "",
    );
    await expect(daemon()).rejects.toMatchObject({ code: "conflict" });
    stop.abort();
    await first;
    config = { ...config, runnerFile: join(folder, "other") };
    await expect(daemon()).rejects.toMatchObject({ code: "not_found" });
  });

  it("polls a server that parks without pauses", async () => {
    gitea.parks = true;
    const ended = daemon({ once: true });
    await eventually("a parked poll", () => gitea.callsOf("fetchTask").length === 1);
    gitea.enqueue({ workflow: workflow(run("echo hi")) });
    expect(await ended).toEqual({ end: "enough", lastResult: "success" });
    expect(gitea.callsOf("fetchTask")).toHaveLength(1);
    expect(gitea.callsOf("fetchTask")[0]?.headers.get("connect-timeout-ms")).toMatch(/^(49|50)\d{3}$/);
  });

  it("says whether it is ready", async () => {
    config = { ...config, metricsAddress: "127.0.0.1:0", readinessGraceMs: 60_000 };
    const ended = daemon();
    await eventually("a poll", () => gitea.callsOf("fetchTask").length > 0);
    stop.abort();
    expect(await ended).toMatchObject({ end: "stopped" });
  });

  const once = (wait: boolean) =>
    runOnce({
      ...parts(),
      address: gitea.address,
      uuid: gitea.uuid,
      token: gitea.token,
      name: "vm",
      labels: ["ubuntu-latest"],
      wait,
    });

  it("runs one job without a file", async () => {
    expect(await once(false)).toEqual({ kind: "no-task" });
    const ended = once(true);
    await eventually("polls", () => gitea.callsOf("fetchTask").length > 3);
    gitea.enqueue({ workflow: workflow(run("exit 1")) });
    expect(await ended).toEqual({ kind: "task", result: "failure" });
  });
});
