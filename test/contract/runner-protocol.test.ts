import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { DESCRIPTION_HEADER, SERVER_HEADER } from "../../src/protocol/headers.ts";
import { Result } from "../../src/protocol/messages.ts";
import { eventually } from "../support/eventually.ts";
import { storeKinds } from "../support/stores.ts";
import { FakeClock } from "../unit/server/services/fake-clock.ts";
import { openServer } from "./runner-protocol.fixture.ts";

/** For a call that is answered at once. */
const plenty = { timeoutMs: 25_000 };
/** For a call that is to come back empty. */
const soon = { timeoutMs: 1_500 };

async function failure(work: Promise<unknown>): Promise<ConnectError> {
  try {
    await work;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it did not fail");
}

describe.each(storeKinds.filter(({ skip }) => skip === undefined))("runner protocol on $name", (kind) => {
  it("answers a ping without an identity", async () => {
    await using server = await openServer({ kind });
    expect((await server.ping().ping({ data: "me" })).data).toBe("Hello, me!");
  });

  it("keeps the description that a registration carries", async () => {
    await using server = await openServer({ kind });
    const { uuid } = await server.register({ headers: { [DESCRIPTION_HEADER]: encodeURIComponent("für Tests") } });
    const found = await server.store.read.runners.findByUuid(uuid);
    expect(found?.runner.description).toBe("für Tests");
  });

  it.each(["proto", "json"] as const)("takes a job from registration to its end (%s)", async (format) => {
    await using server = await openServer({ kind });
    const { uuid, token } = await server.register();
    const client = server.client({ uuid, token }, format);
    let headers = new Headers();
    const declared = await client.declare(
      { version: "2", labels: ["linux", "x64"], capabilities: ["cancelling"] },
      { onHeader: (received) => (headers = received) },
    );
    expect(headers.get(SERVER_HEADER)).toBe("0.0.0-test");
    expect(declared.runner).toMatchObject({ uuid, token: "", version: "2", labels: ["linux", "x64"] });

    const [job] = await server.addJobs(1);
    const { task, tasksVersion } = await client.fetchTask({ tasksVersion: 0n }, plenty);
    expect(tasksVersion).toBeGreaterThanOrEqual(1n);
    if (task === undefined || job === undefined) throw new Error("no task");
    expect(new Set(Object.keys(task.secrets))).toEqual(new Set(["FORGEJO_TOKEN", "GITEA_TOKEN", "GITHUB_TOKEN"]));
    expect(task.context).toMatchObject({
      repository: "octo/demo",
      run_id: String(job.runId),
      run_attempt: "1",
      token: task.secrets["GITHUB_TOKEN"],
      gitea_default_actions_url: "https://github.com",
    });
    for (const [key, value] of Object.entries(task.context ?? {}))
      if (key !== "event") expect(typeof value).toBe("string");

    const rows = ["one", "two"].map((content) => ({ content, time: { seconds: 1n, nanos: 5_000_000 } }));
    expect((await client.updateLog({ taskId: task.id, index: 0n, rows })).ackIndex).toBe(2n);
    expect((await client.updateLog({ taskId: task.id, index: 0n, rows, noMore: true })).ackIndex).toBe(2n);
    const step = {
      id: 0n,
      result: Result.SUCCESS,
      logIndex: 0n,
      logLength: 2n,
      startedAt: { seconds: 1n },
      stoppedAt: { seconds: 2n },
    };
    const progress = await client.updateTask({
      state: { id: task.id, steps: [step] },
      outputs: { a: "1", ["k".repeat(300)]: "x" },
    });
    expect(progress.state?.result).toBe(Result.UNSPECIFIED);
    expect(new Set(progress.sentOutputs)).toEqual(new Set(["a", "k".repeat(300)]));
    const again = await client.updateTask({ state: { id: task.id, steps: [step] } });
    expect(again.sentOutputs).toEqual(["a"]);
    const end = await client.updateTask({ state: { id: task.id, result: Result.SUCCESS, steps: [step] } });
    expect(end.state?.result).toBe(Result.SUCCESS);
    const late = await client.updateTask({ state: { id: task.id, result: Result.FAILURE } });
    expect(late.state?.result).toBe(Result.SUCCESS);

    expect(await server.store.read.jobs.get(job.id)).toMatchObject({ status: "success", outputs: { a: "1" } });
    expect(await server.store.read.runs.get(job.runId)).toMatchObject({ status: "success" });
    expect((await server.store.logs.state(Number(task.id))).finished).toBe(true);
    expect((await client.fetchTask({ tasksVersion }, soon)).task).toBeUndefined();
  });

  it("gives an unknown uuid and a wrong token the same answer", async () => {
    await using server = await openServer({ kind });
    const { uuid, token } = await server.register();
    const wrong = await failure(server.client({ uuid, token: "0".repeat(40) }).fetchTask({}));
    const unknown = await failure(server.client({ uuid: crypto.randomUUID(), token }).fetchTask({}));
    const missing = await failure(server.client().fetchTask({}));
    for (const error of [wrong, unknown, missing]) {
      expect(error.code).toBe(Code.Unauthenticated);
      expect(error.rawMessage).toMatch(/unregistered runner$/);
      expect(error.rawMessage).toBe(wrong.rawMessage);
    }
  });

  it("limits attempts on a uuid, but not those of the runner itself", async () => {
    await using server = await openServer({ kind });
    const { uuid, token, client } = await server.register();
    const guess = server.client({ uuid: crypto.randomUUID(), token });
    const codes = [];
    for (let i = 0; i < 12; i++) codes.push((await failure(guess.fetchTask({}))).code);
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => Code.Unauthenticated));
    expect(codes.at(-1)).toBe(Code.ResourceExhausted);
    await client.fetchTask({}, soon);
    expect(uuid).not.toBe("");
  });

  it("names what is wrong with a registration token", async () => {
    await using server = await openServer({ kind });
    const actor = { accountId: null, address: null };
    const { registrationTokens } = server.services;
    const register = (token: string, name = "r") =>
      server.client().register({ name, token, version: "", labels: ["a"] });
    expect((await failure(register("", "r"))).code).toBe(Code.InvalidArgument);
    expect((await failure(register("x", ""))).rawMessage).toMatch(/has no name/);
    expect((await failure(register("nope"))).rawMessage).toMatch(/not known/);
    const old = await registrationTokens.current({ kind: "global" }, actor);
    expect(await registrationTokens.current({ kind: "global" }, actor)).toBe(old);
    await registrationTokens.reset({ kind: "global" }, actor);
    expect((await failure(register(old))).rawMessage).toMatch(/invalidated by a reset/);
    const once = await registrationTokens.create({ kind: "global" }, { uses: 1 }, actor);
    await register(once.token);
    expect((await failure(register(once.token))).rawMessage).toMatch(/used up/);
    const elsewhere = await registrationTokens.create({ kind: "global" }, { cidrs: ["10.0.0.0/8"] }, actor);
    expect((await failure(register(elsewhere.token))).code).toBe(Code.PermissionDenied);
    const here = await registrationTokens.create({ kind: "global" }, { cidrs: ["127.0.0.0/8"] }, actor);
    expect((await register(here.token)).runner?.labels).toEqual(["a"]);
  });

  it("refuses a registration token that has expired", async () => {
    const clock = new FakeClock();
    await using server = await openServer({ kind, clock });
    const limits = { expiresAt: clock.now() + 60_000 };
    const actor = { accountId: null, address: null };
    const { token } = await server.services.registrationTokens.create({ kind: "global" }, limits, actor);
    const register = () => server.client().register({ name: "r", token, labels: ["linux"] });
    clock.advance(59_999);
    expect((await register()).runner?.uuid).toMatch(/./);
    clock.advance(1);
    expect((await failure(register())).rawMessage).toMatch(/expired/);
  });

  it("gives a waiting job to a runner that sends back the newest tasks_version", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    await server.addJobs(2);
    const first = await client.fetchTask({ tasksVersion: 0n }, plenty);
    const second = await client.fetchTask({ tasksVersion: first.tasksVersion }, plenty);
    expect(second.tasksVersion).toBe(first.tasksVersion);
    expect(second.task?.id).toBeGreaterThan(first.task?.id ?? 0n);
  });

  it("wakes a parked poll when a job becomes ready", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    const poll = client.fetchTask({ tasksVersion: 0n }, { timeoutMs: 20_000 });
    await eventually("the poll is parked", () => server.services.dispatcher.counts.parkedPolls === 1);
    const before = performance.now();
    await server.addJobs(1);
    expect((await poll).task).toBeDefined();
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it("answers before the caller's deadline", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    const before = performance.now();
    const answer = await client.fetchTask({ tasksVersion: 1n }, { timeoutMs: 1_000 });
    expect(answer.task).toBeUndefined();
    expect(performance.now() - before).toBeGreaterThan(350);
  });

  it("forgets a parked poll whose caller went away", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    const abort = new AbortController();
    const poll = client.fetchTask({}, { signal: abort.signal, timeoutMs: 20_000 });
    await eventually("the poll is parked", () => server.services.dispatcher.counts.parkedPolls === 1);
    abort.abort();
    await expect(poll).rejects.toThrow();
    await eventually("the poll is gone", () => server.services.dispatcher.counts.parkedPolls === 0);
  });

  it("gives each of 50 jobs to one of 20 runners exactly once", async () => {
    await using server = await openServer({ kind });
    const runners = await Promise.all(Array.from({ length: 20 }, () => server.register()));
    const jobs = await server.addJobs(50);
    const tasks: bigint[] = [];
    const done = new AbortController();
    const work = async ({ client }: (typeof runners)[number]) => {
      for (;;) {
        const { task } = await client.fetchTask({ tasksVersion: 0n }, { ...plenty, signal: done.signal });
        if (task === undefined) throw new Error("a poll came back empty");
        tasks.push(task.id);
        await client.updateTask({ state: { id: task.id, result: Result.SUCCESS } });
        if (tasks.length >= jobs.length) done.abort();
      }
    };
    await Promise.allSettled(runners.map(work));
    expect(new Set(tasks).size).toBe(50);
    expect(tasks).toHaveLength(50);
    for (const job of jobs) expect(await server.store.read.tasks.listByJob(job.id)).toHaveLength(1);
  });

  it("gives the same task again under the same request key", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    await server.addJobs(2);
    const headers = { "x-runner-request-key": crypto.randomUUID() };
    const first = await client.fetchTask({}, { ...plenty, headers });
    const second = await client.fetchTask({}, { ...plenty, headers });
    expect(second.task?.id).toBe(first.task?.id);
    expect(second.task?.secrets["GITHUB_TOKEN"]).not.toBe(first.task?.secrets["GITHUB_TOKEN"]);
    const third = await client.fetchTask({}, { ...plenty, headers: { "x-runner-request-key": crypto.randomUUID() } });
    expect(third.task?.id).not.toBe(first.task?.id);
  });

  it("lets an ephemeral runner do one task, and takes its last rows", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register({ ephemeral: true });
    await server.addJobs(2);
    const { task } = await client.fetchTask({}, plenty);
    if (task === undefined) throw new Error("no task");
    expect((await client.fetchTask({}, soon)).task).toBeUndefined();
    await client.updateTask({ state: { id: task.id, result: Result.SUCCESS } });
    const log = await client.updateLog({ taskId: task.id, index: 0n, rows: [{ content: "late" }], noMore: true });
    expect(log.ackIndex).toBe(1n);
    const rows = await server.store.logs.read(Number(task.id), 0, 10);
    expect(rows.map(({ content }) => content)).toEqual(["late"]);
    expect((await client.updateTask({ state: { id: task.id, result: Result.SUCCESS } })).state?.result).toBe(
      Result.SUCCESS,
    );
    const fetch = await failure(client.fetchTask({}, soon));
    expect([fetch.code, fetch.rawMessage]).toEqual([
      Code.Unauthenticated,
      expect.stringMatching(/unregistered runner$/),
    ]);
  });

  it("refuses another runner's task", async () => {
    await using server = await openServer({ kind });
    const [mine, other] = [await server.register(), await server.register()];
    await server.addJobs(1);
    const { task } = await mine.client.fetchTask({}, plenty);
    if (task === undefined) throw new Error("no task");
    expect((await failure(other.client.updateTask({ state: { id: task.id } }))).code).toBe(Code.NotFound);
    expect((await failure(other.client.updateLog({ taskId: task.id }))).code).toBe(Code.NotFound);
    expect((await failure(mine.client.updateTask({ state: { id: 999n } }))).code).toBe(Code.NotFound);
    expect((await failure(mine.client.updateTask({}))).code).toBe(Code.InvalidArgument);
  });

  it("tells a runner to cancel and takes its result", async () => {
    await using server = await openServer({ kind });
    const { client } = await server.register();
    const [job] = await server.addJobs(1);
    const { task } = await client.fetchTask({}, plenty);
    if (task === undefined || job === undefined) throw new Error("no task");
    await client.updateTask({ state: { id: task.id } });
    await server.services.cancelJobs.cancel([job], "cancelled");
    expect((await server.store.read.jobs.get(job.id))?.status).toBe("cancelling");
    expect((await client.updateTask({ state: { id: task.id } })).state?.result).toBe(Result.CANCELLED);
    await client.updateTask({ state: { id: task.id, result: Result.FAILURE } });
    expect((await server.store.read.jobs.get(job.id))?.status).toBe("cancelled");
  });

  it("is unavailable, never unauthenticated, while the database is away", async () => {
    const database: { away: boolean } = { away: false };
    await using server = await openServer({
      kind,
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name === "write" && database.away) return () => Promise.reject(new Error("the database is gone"));
            if (name !== "read") {
              const value = Reflect.get(target, name, target) as unknown;
              return typeof value === "function" ? value.bind(target) : value;
            }
            if (!database.away) return target.read;
            return new Proxy(target.read, {
              get: () => new Proxy({}, { get: () => () => Promise.reject(new Error("the database is gone")) }),
            });
          },
        }),
    });
    const { client, uuid, token } = await server.register();
    server.services.identity.forget(1);
    database.away = true;
    const fetch = await failure(server.client({ uuid, token }).fetchTask({}, soon));
    expect(fetch.code).toBe(Code.Unavailable);
    expect(fetch.rawMessage).not.toMatch(/gone/);
    database.away = false;
    await client.fetchTask({}, soon);
  });
});
