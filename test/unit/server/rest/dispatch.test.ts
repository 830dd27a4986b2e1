import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import type { ServerParts } from "../../../../src/server/server.ts";
import type { ServerOptions } from "../../../../src/server/server-options.ts";
import { eventually } from "../../../support/eventually.ts";
import { type GitRepository, gitRepository } from "../../../support/git-repository.ts";
import { type ScriptedRunner, scriptedRunner } from "../../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../../support/test-server.ts";

const workflow = (runsOn: string) => `on: workflow_dispatch
jobs:
  one:
    runs-on: ${runsOn}
    steps: [{ run: echo }]
`;

describe("handing out jobs", () => {
  let server: TestServer;
  let origin: GitRepository;
  let token: string;

  async function start(options: ServerOptions = {}, parts: ServerParts = {}): Promise<void> {
    server = await testServer({ repoRoot: origin.root, ...options }, parts);
    await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    token = (await server.admin.get("/admin/actions/runners/registration-token")).json.token;
  }

  beforeEach(async () => {
    origin = await gitRepository({
      ".gitea/workflows/linux.yml": workflow("linux"),
      ".gitea/workflows/gpu.yml": workflow("gpu"),
      ".gitea/workflows/any.yml": workflow("[]"),
    });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  const submit = async (name: string) =>
    (await server.admin.post("/runs", { repository: "olga/app", workflow: `${name}.yml` })).json.id as number;

  async function runnerNamed(name: string) {
    const { runners } = (await server.admin.get("/admin/actions/runners")).json;
    return runners.find((one: { name: string }) => one.name === name);
  }

  async function parked(runner: ScriptedRunner, count: number) {
    const poll = runner.fetch(20_000);
    await eventually("parked", () => server.server.services.protocol.dispatcher.counts.parkedPolls === count);
    return poll;
  }

  it("jobs with a higher priority go first, set when they are submitted or while they wait", async () => {
    await start();
    const ids = [await submit("linux"), await submit("linux"), await submit("linux"), await submit("linux")];
    const urgent = await server.admin.post("/runs", { repository: "olga/app", workflow: "linux.yml", priority: 5 });
    expect(urgent.status).toBe(201);
    const actions = "/repos/olga/app/actions";
    expect((await server.admin.patch(`${actions}/runs/${ids[3]}`, { priority: 9 })).status).toBe(200);
    const [job] = (await server.admin.get(`${actions}/runs/${ids[2]}/jobs`)).json.jobs;
    expect((await server.admin.patch(`${actions}/jobs/${job.id}`, { priority: 1 })).json.priority).toBe(1);
    expect((await server.admin.patch(`${actions}/jobs/${job.id}`, { priority: 1001 })).status).toBe(422);
    const runner = await scriptedRunner(server.url, token);
    const taken: number[] = [];
    for (let n = 0; n < 5; n++) taken.push(Number((await runner.fetch())?.context?.["run_id"]));
    expect(taken).toEqual([ids[3], urgent.json.id, ids[2], ids[0], ids[1]]);
    expect((await server.admin.patch(`${actions}/jobs/${job.id}`, { priority: 2 })).status).toBe(409);
  });

  it.each(["any", "none"] as const)("a job without labels is for %s of the runners", async (emptyRunsOn) => {
    await start({ emptyRunsOn });
    const runner = await scriptedRunner(server.url, token);
    await submit("any");
    const task = await runner.fetch(emptyRunsOn === "none" ? 1_000 : 20_000);
    expect(task === undefined).toBe(emptyRunsOn === "none");
  });

  it("an autoscaler sees no jobs without labels where these run nowhere", async () => {
    await start({ emptyRunsOn: "none" });
    await submit("any");
    const id = await submit("linux");
    for (const query of ["", "?labels=linux"]) {
      const { json } = await server.admin.get(`/admin/actions/runners/jobs${query}`);
      expect(json.map((job: { run_id: number }) => job.run_id)).toEqual([id]);
    }
  });

  it("an autoscaler sees jobs without labels where any runner takes them, and none that is kept for another runner", async () => {
    let ahead = 0;
    await start({}, { clock: { ...systemClock, now: () => systemClock.now() + ahead } });
    const [any, kept] = [await submit("any"), await submit("linux")];
    const seen = async (query: string) => {
      const { json } = await server.admin.get(`/admin/actions/runners/jobs${query}`);
      return json.map((job: { run_id: number }) => job.run_id) as number[];
    };
    expect(await seen("?labels=linux")).toEqual([kept, any]);
    const [job] = (await server.admin.get(`/repos/olga/app/actions/runs/${kept}/jobs`)).json.jobs;
    const wish = { job_id: job.id, reserve_seconds: 300 };
    expect((await server.admin.post("/admin/actions/runners/one-job", wish)).status).toBe(201);
    expect(await seen("?labels=linux")).toEqual([any]);
    expect(await seen("")).toEqual([any]);
    ahead = 301_000;
    expect(await seen("?labels=linux")).toEqual([kept, any]);
  });

  it.each([
    [{}, 60_000],
    [{ offlineAfterMs: 90_000 }, 90_000],
  ])("with %j a silent runner is shown as offline after %i ms", async (options, limit) => {
    let ahead = 0;
    await start(options, { clock: { ...systemClock, now: () => systemClock.now() + ahead } });
    await scriptedRunner(server.url, token);
    ahead = limit - 20_000;
    expect(await runnerNamed("scripted")).toMatchObject({ status: "online", state: "idle" });
    ahead = limit + 1_000;
    expect(await runnerNamed("scripted")).toMatchObject({ status: "offline", state: "offline" });
  });

  it("labels edited here count, survive a Declare, and can be reset", async () => {
    await start();
    const runner = await scriptedRunner(server.url, token);
    const { id } = await runnerNamed("scripted");
    const path = `/admin/actions/runners/${id}`;
    const poll = runner.fetch(20_000);
    await submit("gpu");
    expect((await server.admin.patch(path, { labels: ["gpu"] })).json).toMatchObject({
      ...{ labels: [{ name: "gpu" }], declared_labels: ["linux"], labels_edited: true },
    });
    expect(await poll).toBeDefined();
    await runner.client.declare({ labels: ["linux", "x64"], version: "2" });
    expect((await server.admin.get(path)).json).toMatchObject({
      ...{ labels: [{ name: "gpu" }], declared_labels: ["linux", "x64"], labels_edited: true },
    });
    expect((await server.admin.patch(path, { labels: null })).json).toMatchObject({
      ...{ labels: [{ name: "linux" }, { name: "x64" }], labels_edited: false },
    });
    await submit("linux");
    expect(await runner.fetch()).toBeDefined();
  });

  it("an autoscaler sees what waits for which labels, and has a job done by its handle", async () => {
    await start();
    const ids = [await submit("linux"), await submit("linux"), await submit("gpu")];
    const waiting = async (labels: string) =>
      (await server.admin.get(`/admin/actions/runners/jobs?labels=${labels}`)).json as {
        run_id: number;
        handle: string;
      }[];
    const runsFor = async (labels: string) => new Set((await waiting(labels)).map((job) => job.run_id));
    expect(await runsFor("linux,x64")).toEqual(new Set([ids[0], ids[1]]));
    expect(await runsFor("gpu")).toEqual(new Set([ids[2]]));
    const handle = (await waiting("linux")).find((job) => job.run_id === ids[1])?.handle ?? "";
    const runner = await scriptedRunner(server.url, token);
    const { task } = await runner.client.fetchSingleTask({ tasksVersion: 0n, handle }, { timeoutMs: 5_000 });
    expect(task?.context?.["run_id"]).toBe(String(ids[1]));
    expect(await runsFor("linux")).toEqual(new Set([ids[0]]));
    expect(
      (await runner.client.fetchSingleTask({ tasksVersion: 0n, handle }, { timeoutMs: 5_000 })).task,
    ).toBeUndefined();
  });

  it("the runner with the higher priority gets the job", async () => {
    await start();
    const [low, high] = [
      await scriptedRunner(server.url, token, { name: "low" }),
      await scriptedRunner(server.url, token, { name: "high" }),
    ];
    const { id, priority } = await runnerNamed("high");
    expect(priority).toBe(0);
    expect((await server.admin.patch(`/admin/actions/runners/${id}`, { priority: 5 })).json.priority).toBe(5);
    const polls = [parked(low, 1)];
    await eventually("one", () => server.server.services.protocol.dispatcher.counts.parkedPolls === 1);
    polls.push(parked(high, 2));
    await eventually("two", () => server.server.services.protocol.dispatcher.counts.parkedPolls === 2);
    await submit("linux");
    expect(await polls[1]).toBeDefined();
    await submit("linux");
    expect(await polls[0]).toBeDefined();
  });

  it("a job waits a set time for a runner with the preferred label", async () => {
    await start();
    const path = "/repos/olga/app/actions/dispatch-rules";
    expect((await server.admin.get(path)).json).toEqual({
      ...{ weight: 1, preferred_label: null, preferred_wait: 0, requeue: "unstarted" },
    });
    const rules = { preferred_label: "eu", preferred_wait: 3_600 };
    expect((await server.admin.patch(path, rules)).json).toMatchObject(rules);
    const elsewhere = await scriptedRunner(server.url, token, { name: "elsewhere" });
    const near = await scriptedRunner(server.url, token, { name: "near", labels: ["linux", "eu"] });
    const poll = parked(elsewhere, 1);
    await eventually("parked", () => server.server.services.protocol.dispatcher.counts.parkedPolls === 1);
    await submit("linux");
    expect(server.server.services.protocol.dispatcher.counts).toEqual({ parkedPolls: 1, waitingJobs: 1 });
    expect(await near.fetch()).toBeDefined();
    await server.admin.patch(path, { preferred_wait: 0.2 });
    await submit("linux");
    expect(await poll).toBeDefined();
  });

  it("only administrators give a repository a greater share", async () => {
    await start();
    const path = "/repos/olga/app/actions/dispatch-rules";
    expect((await server.admin.patch(path, { weight: 4 })).json.weight).toBe(4);
    expect((await server.admin.patch(path, { weight: 0 })).status).toBe(422);
    const made = await server.admin.post("/admin/users/olga/tokens", { name: "own", access: "write" });
    if (made.status === 201) expect((await server.client(made.json.token).patch(path, { weight: 9 })).status).toBe(403);
  });
});
