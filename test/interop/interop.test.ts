import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunnerEvent, register, takeTasks } from "../../examples/clients/web/runner.ts";
import { Result, type Task } from "../../src/protocol/messages.ts";
import { makeLocalRepository } from "../e2e/local-repository.ts";
import { eventually } from "../support/eventually.ts";
import { ServerProcess } from "../support/server-process.ts";
import { curl } from "./curl-client.ts";
import { foreignClients } from "./foreign-clients.ts";

const WRONG = { uuid: "00000000-0000-4000-8000-000000000000", token: "wrong" };
const UNKNOWN = { "x-runner-uuid": WRONG.uuid, "x-runner-token": WRONG.token };
const curlMissing = spawnSync("curl", ["--version"]).status === 0 ? undefined : "curl is not on the PATH";
const missing: Record<string, string | undefined> = {
  ...Object.fromEntries(foreignClients.map((client) => [client.name, client.missing])),
  curl: curlMissing,
};
const present = Object.keys(missing).filter((name) => missing[name] === undefined);
for (const [name, why] of Object.entries(missing)) {
  if (why !== undefined) console.warn(`interop ${name} is skipped: ${why}`);
}

/** The labels: grpc clients poll for one job and take another from a stream. */
const labels = [...present.flatMap((name) => (name === "curl" ? [name] : [`${name}-poll`, `${name}-stream`])), "web"];

const job = (label: string, line: string) => `  ${label}:
    runs-on: ${label}
    steps:
      - run: ${line}
`;
const FILES = {
  ".gitea/workflows/interop.yml": `on: workflow_dispatch
jobs:
${labels.map((label) => job(label, `echo ${label}`)).join("")}`,
  ...Object.fromEntries(
    labels.map((label) => [
      `.gitea/workflows/endless-${label}.yml`,
      `on: workflow_dispatch
jobs:
${job(label, "echo endless")}`,
    ]),
  ),
};

describe("runners that others make from our proto", () => {
  let directory = "";
  const resources = new AsyncDisposableStack();
  let server: ServerProcess;
  let runId = 0;
  let token = "";
  const actions = "/repos/admin/project/actions";

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "interop-"));
    resources.defer(() => rm(directory, { recursive: true, force: true }));
    const repository = resources.use(await makeLocalRepository(FILES));
    server = resources.use(await ServerProcess.start({ args: ["--repo-root", repository.root] }));
    await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
    const run = await server.get("POST", "/runs", { repository: "admin/project", workflow: "interop.yml" });
    runId = run.id;
    ({ token } = await server.get("POST", "/admin/actions/runners/registration-token"));
  });

  afterAll(async () => {
    await resources.disposeAsync();
  });

  /** A job, when it has ended. */
  async function endedJob(label: string, run = runId) {
    return await eventually(`the job ${label} to end`, async () => {
      const { jobs } = await server.get("GET", `${actions}/runs/${run}/jobs`);
      return jobs.find((one: { name: string; status: string }) => one.name === label && one.status === "completed");
    });
  }

  /** The rows of a job's log without their timestamps. */
  async function logOf(jobId: number): Promise<string[]> {
    const { status, text } = await server.api("GET", `${actions}/jobs/${jobId}/logs`);
    expect(status).toBe(200);
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => line.slice(line.indexOf(" ") + 1));
  }

  /** Submits the job that does not end by itself, and cancels it when it has said more than 250 rows. */
  async function cancelled(label: string) {
    const run = await server.get("POST", "/runs", { repository: "admin/project", workflow: `endless-${label}.yml` });
    await eventually(`the endless job of ${label} to talk`, async () => {
      const { jobs } = await server.get("GET", `${actions}/runs/${run.id}/jobs`);
      return jobs[0].status === "in_progress" && (await logOf(jobs[0].id)).length > 250;
    });
    await server.get("POST", `${actions}/runs/${run.id}/cancel`);
    const ended = await endedJob(label, run.id);
    return { conclusion: ended.conclusion, rows: await logOf(ended.id) };
  }

  const rowsOf = (label: string, count: number) => Array.from({ length: count }, (_, row) => `${label} row ${row}`);

  for (const client of foreignClients) {
    const { name } = client;
    it.skipIf(client.missing !== undefined)(
      `${name}: gRPC over h2c at the root path`,
      { timeout: 180_000 },
      async () => {
        const start = await client.build(join(directory, name));
        const { address } = server;

        const refused = await start({ address, name, token: WRONG });
        expect(refused).toMatchObject([
          { event: "pong", data: `Hello, ${name}!` },
          { event: "failed", code: "Unauthenticated", message: expect.stringMatching(/unregistered runner$/) },
        ]);

        const polling = `${name}-poll`;
        const polled = await start({ address, name: polling, token, poll: true });
        expect(polled).toMatchObject([
          { event: "pong" },
          { event: "registered", name: polling, labels: [polling], uuid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
          { event: "declared", labels: [polling] },
          { event: "task", repository: "admin/project", payload: expect.stringContaining(`echo ${polling}`) },
          { event: "logged", ack: "250" },
          { event: "finished", result: "SUCCESS", outputs: ["who"] },
        ]);
        expect(Number(polled[3]?.["secrets"])).toBeGreaterThan(0);

        const streaming = `${name}-stream`;
        const [streamed, cut] = await Promise.all([
          start({ address, name: streaming, token, tasks: 2 }),
          endedJob(streaming).then(() => cancelled(streaming)),
        ]);
        const [one, two] = streamed.filter(({ event }) => event === "task").map(({ task }) => task);
        expect(streamed.slice(2)).toMatchObject([
          { event: "declared" },
          { event: "alive" },
          { event: "task", payload: expect.stringContaining(`echo ${streaming}`) },
          { event: "logged", ack: "250" },
          { event: "finished", result: "SUCCESS", outputs: ["who"] },
          { event: "task", payload: expect.stringContaining("endless") },
          { event: "cancel", task: two, ended: false },
          { event: "logged" },
          { event: "finished", result: "CANCELLED" },
        ]);
        expect(one).not.toBe(two);
        expect(cut).toEqual({ conclusion: "cancelled", rows: rowsOf(streaming, cut.rows.length) });

        for (const label of [polling, streaming]) {
          const ended = await endedJob(label);
          expect(ended).toMatchObject({ conclusion: "success", runner_name: label });
          expect(await logOf(ended.id)).toEqual(rowsOf(label, 250));
        }
      },
    );
  }

  it("web: gRPC-Web by fetch", { timeout: 60_000 }, async () => {
    const identity = await register(server.url, "web", ["web"], token);
    const stop = new AbortController();
    const events: RunnerEvent[] = [];
    const heard = (event: RunnerEvent) => void events.push(event);
    const work = async (task: Task, say: (line: string) => void, signal: AbortSignal) => {
      for (let row = 0; row < 250; row++) say(`web row ${row}`);
      if (!new TextDecoder().decode(task.workflowPayload).includes("endless")) return;
      for (let row = 250; !signal.aborted; row++) {
        say(`web row ${row}`);
        await delay(20);
      }
    };
    const taking = takeTasks(server.url, identity, work, { labels: ["web"], signal: stop.signal, onEvent: heard });
    const ended = await endedJob("web");
    expect(ended).toMatchObject({ conclusion: "success", runner_name: "web" });
    expect(await logOf(ended.id)).toEqual(rowsOf("web", 250));
    const cut = await cancelled("web");
    expect(cut).toEqual({ conclusion: "cancelled", rows: rowsOf("web", cut.rows.length) });
    stop.abort();
    await taking;
    expect(events).toMatchObject([
      { event: "keepAlive" },
      { event: "offer" },
      { event: "finished", result: Result.SUCCESS },
      { event: "offer" },
      { event: "cancel" },
      { event: "finished", result: Result.CANCELLED },
    ]);
    const unknown = takeTasks(server.url, WRONG, work, { labels: [], signal: new AbortController().signal });
    await expect(unknown).rejects.toThrow(/unregistered runner$/);
  });

  it.skipIf(curlMissing !== undefined)("curl: Connect in JSON below /api/actions", { timeout: 60_000 }, async () => {
    const call = (method: string, message: unknown, headers: Record<string, string> = {}) =>
      curl(server.url, `runner.v1.RunnerService/${method}`, message, headers);

    expect(await curl(server.url, "ping.v1.PingService/Ping", { data: "curl" })).toEqual({
      status: 200,
      json: { data: "Hello, curl!" },
    });
    expect(await call("FetchTask", {}, UNKNOWN)).toMatchObject({
      status: 401,
      json: { code: "unauthenticated", message: expect.stringMatching(/unregistered runner$/) },
    });
    const registered = await call("Register", { name: "curl", token, labels: ["curl"] });
    expect(registered).toMatchObject({ status: 200, json: { runner: { name: "curl", labels: ["curl"] } } });
    const { uuid, token: secret } = registered.json.runner;
    const identity = { "x-runner-uuid": uuid, "x-runner-token": secret };
    const declared = await call("Declare", { version: "1", labels: ["curl"] }, identity);
    expect(declared).toMatchObject({ status: 200, json: { runner: { uuid, version: "1" } } });

    const fetched = await call("FetchTask", { tasksVersion: "0" }, { ...identity, "connect-timeout-ms": "5000" });
    expect(fetched).toMatchObject({
      status: 200,
      json: { task: { context: { repository: "admin/project", job: "curl" } } },
    });
    const { id, workflowPayload } = fetched.json.task;
    expect(Buffer.from(workflowPayload, "base64").toString()).toContain("echo curl");

    const rows = ["one", "two"].map((content) => ({ time: new Date().toISOString(), content }));
    expect(await call("UpdateLog", { taskId: id, index: "0", rows }, identity)).toEqual({
      status: 200,
      json: { ackIndex: "2" },
    });
    expect(await call("UpdateLog", { taskId: id, index: "0", rows, noMore: true }, identity)).toEqual({
      status: 200,
      json: { ackIndex: "2" },
    });
    const state = { id, result: "RESULT_SUCCESS", steps: [{ id: "0", result: "RESULT_SUCCESS", logLength: "2" }] };
    const finished = await call("UpdateTask", { state, outputs: { who: "curl" } }, identity);
    expect(finished).toMatchObject({
      status: 200,
      json: { state: { id, result: "RESULT_SUCCESS" }, sentOutputs: ["who"] },
    });

    const job = await endedJob("curl");
    expect(job).toMatchObject({ conclusion: "success", runner_name: "curl" });
    expect(await logOf(job.id)).toEqual(["one", "two"]);
  });

  it("ends the run green", async () => {
    const run = await server.get("GET", `${actions}/runs/${runId}`);
    expect(run).toMatchObject({ status: "completed", conclusion: "success" });
  });
});
