import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeLocalRepository } from "../e2e/local-repository.ts";
import { eventually } from "../support/eventually.ts";
import { ServerProcess } from "../support/server-process.ts";
import { curl } from "./curl-client.ts";
import { type ClientEvent, foreignClients } from "./foreign-clients.ts";

const UNKNOWN = { "x-runner-uuid": "00000000-0000-4000-8000-000000000000", "x-runner-token": "wrong" };
const curlMissing = spawnSync("curl", ["--version"]).status === 0 ? undefined : "curl is not on the PATH";
const missing: Record<string, string | undefined> = {
  ...Object.fromEntries(foreignClients.map((client) => [client.name, client.missing])),
  curl: curlMissing,
};
const present = Object.keys(missing).filter((name) => missing[name] === undefined);
for (const [name, why] of Object.entries(missing)) {
  if (why !== undefined) console.warn(`interop ${name} is skipped: ${why}`);
}

/** One job for each client that is there; its label is the client's name. */
const WORKFLOW = `on: workflow_dispatch
jobs:
${present.map((name) => `  ${name}:\n    runs-on: ${name}\n    steps:\n      - run: echo ${name}\n`).join("")}`;

describe.skipIf(present.length === 0)("runners that others make from our proto", () => {
  let directory = "";
  const resources = new AsyncDisposableStack();
  let server: ServerProcess;
  let runId = 0;
  let token = "";
  const actions = "/repos/admin/project/actions";

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "interop-"));
    resources.defer(() => rm(directory, { recursive: true, force: true }));
    const repository = resources.use(await makeLocalRepository({ ".gitea/workflows/interop.yml": WORKFLOW }));
    server = resources.use(await ServerProcess.start({ args: ["--repo-root", repository.root] }));
    await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
    const run = await server.get("POST", "/runs", { repository: "admin/project", workflow: "interop.yml" });
    runId = run.id;
    ({ token } = await server.get("POST", "/admin/actions/runners/registration-token"));
  });

  afterAll(async () => {
    await resources.disposeAsync();
  });

  /** The job of a client, when it has ended. */
  async function endedJob(name: string) {
    return await eventually(`the job ${name} to end`, async () => {
      const { jobs } = await server.get("GET", `${actions}/runs/${runId}/jobs`);
      return jobs.find((job: { name: string; status: string }) => job.name === name && job.status === "completed");
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

  for (const client of foreignClients) {
    it.skipIf(client.missing !== undefined)(
      `${client.name}: gRPC over h2c at the root path`,
      { timeout: 180_000 },
      async () => {
        const { name } = client;
        const start = await client.build(join(directory, name));
        const events = await start({ address: server.address, name, token });
        const event = (kind: string) => events.find((one) => one.event === kind) as ClientEvent;

        expect(events.map((one) => one.event)).toEqual([
          "pong",
          "refused",
          "registered",
          "declared",
          "fetched",
          "logged",
          "finished",
        ]);
        expect(event("pong")).toMatchObject({ data: `Hello, ${name}!` });
        expect(event("refused")).toMatchObject({
          code: "Unauthenticated",
          message: expect.stringMatching(/unregistered runner$/),
        });
        expect(event("registered")).toMatchObject({
          name,
          labels: [name],
          uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
        expect(event("declared")).toMatchObject({ labels: [name] });
        expect(event("fetched")).toMatchObject({
          repository: "admin/project",
          payload: expect.stringContaining(`echo ${name}`),
        });
        expect(Number(event("fetched")["secrets"])).toBeGreaterThan(0);
        expect(event("logged")).toMatchObject({ ack: "250" });
        expect(event("finished")).toMatchObject({ result: "SUCCESS", outputs: ["who"] });

        const job = await endedJob(name);
        expect(job).toMatchObject({ conclusion: "success", runner_name: name });
        expect(await logOf(job.id)).toEqual(Array.from({ length: 250 }, (_, row) => `${name} row ${row}`));
      },
    );
  }

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
