import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Result, type Task, UpdateLogRequestSchema, UpdateLogResponseSchema } from "../../../src/protocol/messages.ts";
import { eventually } from "../../support/eventually.ts";
import { type GitRepository, gitRepository } from "../../support/git-repository.ts";
import { mariadbMissing, sharedMariadb } from "../../support/mariadb.ts";
import { type ScriptedRunner, scriptedRunner } from "../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../support/test-server.ts";

const WORKFLOW =
  "on: push\njobs:\n  one:\n    runs-on: linux\n    steps: [{ run: echo }]\n  two:\n    runs-on: linux\n    steps: [{ run: echo }]\n";
const kinds = [
  { kind: "sqlite", skip: undefined },
  { kind: "mariadb", skip: mariadbMissing },
] as const;

describe.each(kinds.filter(({ skip }) => skip === undefined))("logs on $kind", ({ kind }) => {
  const resources = new AsyncDisposableStack();
  let origin: GitRepository;
  let server: TestServer;
  let runner: ScriptedRunner;
  let blobDir: string;

  beforeAll(async () => {
    origin = resources.use(await gitRepository({ ".gitea/workflows/ci.yml": WORKFLOW }));
    blobDir = join(origin.root, "blobs");
    const databaseUrl = kind === "mariadb" ? await (await sharedMariadb()).createDatabase() : undefined;
    const database = databaseUrl === undefined ? {} : { databaseUrl };
    server = resources.use(await testServer({ repoRoot: origin.root, blobDir, maxLogSizeMib: 40, ...database }));
    await server.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    const { token } = (await server.admin.get("/admin/actions/runners/registration-token")).json;
    runner = await scriptedRunner(server.url, token);
  });
  afterAll(() => resources.disposeAsync());

  const logs = () => server.server.services.logs;
  const actions = "/repos/olga/app/actions";
  const blobs = async () => {
    const entries = await readdir(blobDir, { recursive: true }).catch(() => []);
    return entries.filter((name) => name.endsWith(".log"));
  };

  /** A run, and the tasks of its two jobs. */
  async function submit(): Promise<{ run: number; jobs: number[]; tasks: Task[] }> {
    const { id: run } = (await server.admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" })).json;
    const tasks = [await runner.fetch(), await runner.fetch()].filter((task) => task !== undefined);
    const { jobs } = (await server.admin.get(`${actions}/runs/${run}/jobs`)).json;
    return { run, jobs: jobs.map(({ id }: { id: number }) => id), tasks };
  }

  async function finish(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) await runner.report(task, { result: Result.SUCCESS });
  }

  async function search(run: number, query: string) {
    const { text, status } = await server.admin.get(`${actions}/runs/${run}/logs/search?${query}`);
    if (status !== 200) return { status, rows: [], end: undefined };
    const lines = text.trimEnd().split("\n");
    const [end, ...rows] = lines.map((line) => JSON.parse(line)).reverse();
    return { status, rows: rows.reverse(), end };
  }

  it("are read, tailed and searched alike while they grow, when they are finished and when they have moved", async () => {
    const { run, jobs, tasks } = await submit();
    const [one, two] = tasks as [Task, Task];
    for (let at = 0; at < 3000; at += 300) {
      await runner.log(
        one,
        at,
        Array.from({ length: 300 }, (_, i) => `line ${at + i} ${(at + i) % 1000 ? "" : "Needle"}`),
      );
    }
    await runner.log(two, 0, ["needle of two", "last"]);
    const check = async () => {
      const log = (query: string) => server.admin.get(`${actions}/jobs/${jobs[0]}/logs?${query}`);
      const rows = (text: string) =>
        text
          .split("\n")
          .slice(0, -1)
          .map((line) => line.slice(29));
      const all = await log("");
      expect([all.headers.get("x-log-rows"), rows(all.text).length]).toEqual(["3000", 3000]);
      expect(all.text).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z line 0 Needle\n/);
      expect(rows((await log("tail=2")).text)).toEqual(["line 2998 ", "line 2999 "]);
      expect(rows((await log("from=1500&limit=1")).text)).toEqual(["line 1500 "]);
      expect((await log("from=5000")).text).toBe("");
      const found = await search(run, "q=Needle");
      expect(found.rows.map(({ job, row }) => [job, row])).toEqual([
        ["one", 0],
        ["one", 1000],
        ["one", 2000],
      ]);
      expect(found.rows[1]).toMatchObject({ job_id: jobs[0], column: 10, content: "line 1000 Needle" });
      expect(found.end).toEqual({ matches: 3, searched_rows: 3002, stopped_by: null });
      const any = await search(run, "q=NEEDLE&ignore_case=true");
      expect(any.rows.map(({ job }) => job)).toEqual(["one", "one", "one", "two"]);
      expect((await search(run, `q=needle&job_id=${jobs[1]}`)).rows).toHaveLength(1);
      const few = await search(run, "q=line&limit=10");
      expect([few.rows.length, few.end.stopped_by]).toEqual([10, "limit"]);
    };
    await check();
    for (const [task, rows] of [
      [one, 3000],
      [two, 2],
    ] as const) {
      await runner.client.updateLog({ taskId: task.id, index: BigInt(rows), rows: [], noMore: true });
    }
    await check();
    await eventually("the logs to move", async () => (await blobs()).length === 2);
    await check();
    const late = await runner.client.updateLog({
      taskId: one.id,
      index: 2999n,
      rows: [{ content: "a" }, { content: "b" }],
    });
    // acknowledged, so that the runner does not send it for ever, and dropped, as the checks see
    expect(late.ackIndex).toBe(3001n);
    await check();
    await finish(tasks);
    expect((await search(run, "q=")).status).toBe(422);
    expect((await search(run, "q=a%0Ab")).status).toBe(422);
    expect((await search(run, "q=a&job_id=999999")).status).toBe(404);
    await server.admin.delete(`${actions}/runs/${run}`);
    await eventually("the blobs to go", async () => (await blobs()).length === 0);
  });

  it("take all that an outage has gathered in one call, also when a call breaks off in its middle", async () => {
    const { tasks } = await submit();
    const [one, two] = tasks as [Task, Task];
    const send = async (task: Task, index: number, rows: Uint8Array, signal?: AbortSignal) =>
      await upload(server.url, runner, [head(task, index), rows], signal);
    const empty = Buffer.alloc(4_000_000);
    for (let at = 0; at < empty.length; at += 2) empty[at] = 26;
    expect(await send(one, 0, empty)).toBe(2_000_000);
    expect(await send(one, 1_999_990, empty.subarray(0, 40))).toBe(2_000_010);

    const rows = Array.from({ length: 100_000 }, (_, i) => ({ content: `${i} ${"x".repeat(100)}` }));
    const bytes = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { rows }));
    const cut = new AbortController();
    const broken = send(two, 0, bytes.subarray(0, 8_000_000), cut.signal).catch(() => "broken");
    await eventually("the first rows", async () => (await logs().state(Number(two.id))).rows > 1000);
    cut.abort();
    expect(await broken).toBe("broken");
    expect(await send(two, 0, bytes)).toBe(100_000);
    const stored = await logs().state(Number(two.id));
    expect(stored.rows).toBe(100_000);
    let next = 0;
    for await (const row of logs().rows(Number(two.id))) {
      if (row.content !== rows[next++]?.content) expect.unreachable(`row ${next - 1} is ${row.content}`);
    }
    await finish(tasks);
  });

  it("end with a row that says so when they reach their limit, and the runner is not asked for more", async () => {
    const { jobs, tasks } = await submit();
    const [one] = tasks as [Task];
    const rows = Array.from({ length: 900 }, () => ({ content: "y".repeat(60_000) }));
    const bytes = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { rows, noMore: true }));
    expect(await upload(server.url, runner, [head(one, 0), bytes])).toBe(900);
    const state = await logs().state(Number(one.id));
    expect(state).toMatchObject({ capped: true, finished: true });
    expect(state.rows).toBeLessThan(800);
    const { text } = await server.admin.get(`${actions}/jobs/${jobs[0]}/logs?tail=1`);
    expect(text).toContain("has reached its limit of 40 MiB");
    await finish(tasks);
  });
});

/** Sends an UpdateLogRequest as stock runners do and returns what is acknowledged. With a signal it is never ended. */
function upload(url: string, runner: ScriptedRunner, parts: Uint8Array[], breakOff?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { ...runner.identity, "content-type": "application/proto", "connect-protocol-version": "1" };
    const call = request(`${url}/api/actions/runner.v1.RunnerService/UpdateLog`, { method: "POST", headers });
    call.once("error", reject);
    call.once("response", async (response) => {
      const body = Buffer.concat(await response.toArray());
      if (response.statusCode !== 200) reject(new Error(`${response.statusCode} ${body}`));
      else resolve(Number(fromBinary(UpdateLogResponseSchema, body).ackIndex));
    });
    for (const part of parts) call.write(part);
    if (breakOff === undefined) call.end();
    else breakOff.addEventListener("abort", () => call.destroy());
  });
}

/** The fields of an UpdateLogRequest before its rows. */
function head(task: Task, index: number): Uint8Array {
  return toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { taskId: task.id, index: BigInt(index) }));
}
