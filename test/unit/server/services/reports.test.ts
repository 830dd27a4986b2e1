import { describe, expect, it, vi } from "vitest";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import type { Runner } from "../../../../src/server/domain/runner.ts";
import type { Scope } from "../../../../src/server/domain/scope.ts";
import { secretContext } from "../../../../src/server/services/secret-context.ts";
import { openSubject, type ProtocolSubject } from "../../../contract/runner-protocol.fixture.ts";
import { storeKinds } from "../../../support/stores.ts";
import { FakeClock } from "./fake-clock.ts";

const ACTOR = { accountId: null, address: null };

async function makeRunner({ services }: ProtocolSubject, capabilities: string[] = []): Promise<Runner> {
  const token = await services.registrationTokens.current({ kind: "global" }, ACTOR);
  const about = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities };
  return (await services.registerRunner.register(about, "127.0.0.1")).runner;
}

async function taken({ services }: ProtocolSubject, runner: Runner) {
  const call = { timeoutMs: 20_000, waitMs: 0, requestKey: null, signal: new AbortController().signal };
  const { payload } = await services.assignTask.fetch(runner, call);
  if (payload === undefined) throw new Error("no task");
  return payload;
}

const quiet = { result: null, steps: [], outputs: {} } as const;

describe("logs", () => {
  it("are stored once, in order, and acknowledged as stored", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    const send = (index: number, texts: string[], noMore = false) =>
      subject.services.appendLog.append(runner.id, {
        ...{ taskId, index, noMore },
        rows: packRows(texts.map((content) => ({ time: 1, content }))),
      });
    expect(await send(0, ["a", "b"])).toBe(2);
    expect(await send(1, ["b", "c"])).toBe(3);
    expect(await send(9, ["z"], true)).toBe(3);
    expect((await subject.store.logs.state(taskId)).finished).toBe(false);
    expect(await send(0, [])).toBe(3);
    expect(await send(3, ["d\ne"])).toBe(4);
    expect(await send(4, [], true)).toBe(4);
    expect((await subject.store.logs.state(taskId)).finished).toBe(true);
    expect(await send(2, ["c", "d"], true)).toBe(4);
    // so that a runner does not repeat them until it gives up
    expect(await send(4, ["too late"])).toBe(5);
    expect(await send(5, ["also"], true)).toBe(6);
    const rows = await subject.store.logs.read(taskId, 0, 10);
    expect(rows.map(({ content }) => content)).toEqual(["a", "b", "c", "d\\ne"]);
    expect((await subject.store.read.tasks.get(taskId))?.acknowledgedAt).not.toBeNull();
  });

  it("are cut at 64 KiB, never within a character", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    const content = `x${"é".repeat(40_000)}`;
    await subject.services.appendLog.append(runner.id, {
      taskId,
      index: 0,
      rows: packRows([{ time: 1, content }]),
      noMore: false,
    });
    const [row] = await subject.store.logs.read(taskId, 0, 1);
    expect(Buffer.byteLength(row?.content ?? "")).toBe(65_535);
    expect(row?.content).not.toContain("\ufffd");
  });
});

const there = storeKinds.filter(({ skip }) => skip === undefined);

describe.each(there)("outputs on $name", (kind) => {
  it("are taken up to 4 MiB in all: the others are confirmed and not stored, and the job ends all the same", async () => {
    await using subject = await openSubject({ kind });
    const runner = await makeRunner(subject);
    const [job] = await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    const keys = Array.from({ length: 5 }, (_, index) => `k${index}`);
    // Twice as long in JSON, and once more in a statement.
    const value = "\\".repeat(900 * 1024);
    for (const some of [keys.slice(0, 1), keys.slice(1)]) {
      const outputs = Object.fromEntries(some.map((key) => [key, value]));
      const { sentOutputs } = await subject.services.updateTask.report(runner.id, { taskId, ...quiet, outputs });
      expect(sentOutputs).toEqual(expect.arrayContaining(some));
    }
    await subject.services.updateTask.report(runner.id, { taskId, ...quiet, result: "success" });
    const ended = await subject.store.read.jobs.get(job?.id ?? 0);
    expect(ended).toMatchObject({ status: "success", outputs: { k0: value, k1: value } });
    expect(Object.keys(ended?.outputs ?? {})).toEqual(["k0", "k1"]);
  });
});

describe("reports", () => {
  it("that change nothing cost no transaction", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    await subject.services.updateTask.report(runner.id, { taskId, ...quiet, outputs: { a: "1" } });
    const write = vi.spyOn(subject.store, "write");
    for (let i = 0; i < 5; i++) {
      clock.advance(5_000);
      const answer = await subject.services.updateTask.report(runner.id, { taskId, ...quiet, outputs: { a: "other" } });
      expect(answer).toEqual({ result: null, sentOutputs: ["a"] });
    }
    expect(write).not.toHaveBeenCalled();
    clock.advance(10_000);
    await subject.services.updateTask.report(runner.id, { taskId, ...quiet });
    await subject.services.openTasks.saveHeartbeats();
    await subject.services.openTasks.saveHeartbeats();
    expect(write).toHaveBeenCalledTimes(1);
    expect((await subject.store.read.tasks.get(taskId))?.heartbeatAt).toBe(clock.now());
  });

  it("keep the steps that the task has, and ignore others", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    const step = { result: null, logIndex: 1, logLength: 2, startedAt: 5, stoppedAt: null };
    const steps = [
      { index: 0, ...step },
      { index: 7, ...step },
    ];
    await subject.services.updateTask.report(runner.id, { taskId, result: null, steps, outputs: {} });
    await subject.services.updateTask.report(runner.id, { taskId, result: "failure", steps, outputs: {} });
    const task = await subject.store.read.tasks.get(taskId);
    expect(task?.steps).toHaveLength(2);
    expect(task?.steps[0]).toMatchObject({ name: "Say hello", status: "cancelled", logIndex: 1, logLength: 2 });
    expect(task?.steps[1]).toMatchObject({ name: "Run actions/checkout@v4", status: "cancelled" });
  });
});

describe("cancel", () => {
  it("ends what waits, and what runs on a runner that cannot wind down, at once", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject);
    const [first, second] = await subject.addJobs(2);
    const { id: taskId } = await taken(subject, runner);
    await subject.services.updateTask.report(runner.id, { taskId, ...quiet });
    await subject.services.cancelJobs.cancel(
      [first, second].flatMap((job) => job ?? []),
      "cancelled",
    );
    for (const job of [first, second]) {
      expect(await subject.store.read.jobs.get(job?.id ?? 0)).toMatchObject({
        status: "cancelled",
        cause: "cancelled",
      });
    }
    expect((await subject.store.read.runs.get(first?.runId ?? 0))?.status).toBe("cancelled");
    expect((await subject.services.updateTask.report(runner.id, { taskId, ...quiet })).result).toBe("cancelled");
    expect(subject.services.dispatcher.counts.waitingJobs).toBe(0);
  });

  it("asked for twice does not wait for the runner", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject, ["cancelling"]);
    const jobs = await subject.addJobs(1);
    const { id: taskId } = await taken(subject, runner);
    await subject.services.updateTask.report(runner.id, { taskId, ...quiet });
    await subject.services.cancelJobs.cancel(jobs, "cancelled");
    expect((await subject.store.read.tasks.get(taskId))?.status).toBe("cancelling");
    await subject.services.cancelJobs.cancel(jobs, "cancelled");
    expect((await subject.store.read.tasks.get(taskId))?.status).toBe("cancelled");
  });
});

describe("task payload", () => {
  it("has secrets and variables of the narrower scope, but no secrets for the pull request of a fork", async () => {
    await using subject = await openSubject();
    const { store, services, repository } = subject;
    const owner: Scope = { kind: "owner", ownerId: repository.ownerId };
    const own: Scope = { kind: "repository", ownerId: repository.ownerId, repositoryId: repository.id };
    await store.write(async (tx) => {
      for (const [scope, name, value] of [
        [owner, "A", "owner"],
        [owner, "B", "owner"],
        [own, "B", "own"],
      ] as const) {
        const row = { name, description: "", createdAt: 1 };
        const sealed = services.box.seal(value, secretContext(scope, name));
        await tx.settings.put("secret", scope, { ...row, value: sealed });
        await tx.settings.put("variable", scope, { ...row, value });
      }
    });
    const runner = await makeRunner(subject);
    await subject.addJobs(1);
    const payload = await taken(subject, runner);
    expect(payload.secrets).toMatchObject({ A: "owner", B: "own", GITHUB_TOKEN: payload.context["token"] });
    expect(payload.vars).toEqual({ A: "owner", B: "own" });
    expect(payload.context).toMatchObject({
      workflow_ref: "octo/demo/.gitea/workflows/demo.yml@refs/heads/main",
      server_url: "http://ci.example",
      ref_name: "main",
    });
    expect(payload.context).toHaveProperty("action_path", "");
    const head = { ref: "evil", repo: { full_name: "mallory/demo" } };
    await subject.addJobs(
      1,
      {},
      { event: "pull_request", eventPayload: { pull_request: { head, base: { ref: "main" } } } },
    );
    const foreign = await taken(subject, runner);
    expect(new Set(Object.keys(foreign.secrets))).toEqual(new Set(["GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN"]));
    expect(foreign.context).toMatchObject({ head_ref: "evil", base_ref: "main" });
  });

  it("has the results and outputs of the jobs that the job needs", async () => {
    await using subject = await openSubject();
    const runner = await makeRunner(subject);
    const [build] = await subject.addJobs(1);
    if (build === undefined) throw new Error("no job");
    const { id: _, ...row } = build;
    const test = { ...row, key: "test", name: "test", needs: ["build"], status: "blocked", readyAt: null } as const;
    await subject.store.write((tx) => tx.jobs.insertMany([test]));
    const first = await taken(subject, runner);
    expect(first.workflow).toContain("build");
    await subject.services.updateTask.report(runner.id, { taskId: first.id, ...quiet, outputs: { version: "7" } });
    await subject.services.updateTask.report(runner.id, { taskId: first.id, ...quiet, result: "success" });
    const second = await taken(subject, runner);
    expect(second.context["job"]).toBe("test");
    expect(second.needs).toEqual({ build: { result: "success", outputs: { version: "7" } } });
  });
});
