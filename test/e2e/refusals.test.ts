import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../support/server-process.ts";
import { makeLocalRepository } from "./local-repository.ts";

const THREE_MISTAKES = `on: workflow_dispatch
jobs:
  one:
    runs-on: x
    steps:
      - run: echo
        uses: actions/checkout@v4
  two:
    runs-on: x
    needs: nobody
    steps:
      - run: echo \${{ github.actor
`;
const GOOD = "on: workflow_dispatch\njobs:\n  one:\n    runs-on: x\n    steps:\n      - run: echo\n";
const UUID = "00000000-0000-4000-8000-000000000000";

/** A call of the runner protocol by Connect; a string is sent as it is. */
async function rpc(server: ServerProcess, method: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/api/actions/runner.v1.RunnerService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are judged by the tests, not by types
  const json = (await response.json()) as any;
  return { status: response.status, json };
}

describe("what the server refuses", { timeout: 60_000 }, () => {
  const resources = new AsyncDisposableStack();
  let server: ServerProcess;
  let identity: Record<string, string> = {};
  let sha = "";

  beforeAll(async () => {
    const repository = resources.use(
      await makeLocalRepository({ ".gitea/workflows/wrong.yml": THREE_MISTAKES, ".gitea/workflows/good.yml": GOOD }),
    );
    ({ sha } = repository);
    server = resources.use(await ServerProcess.start({ args: ["--repo-root", repository.root] }));
    await server.get("POST", "/user/repos", { name: "project", clone_url: repository.path });
    const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
    const { json } = await rpc(server, "Register", { name: "r", token, labels: ["nothing"] });
    identity = { "x-runner-uuid": json.runner.uuid, "x-runner-token": json.runner.token };
  });

  afterAll(async () => {
    await resources.disposeAsync();
  });

  /** Whatever was refused, everybody else is served. */
  afterEach(async () => {
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await server.api("GET", "/repos/admin/project")).status).toBe(200);
    expect((await rpc(server, "Declare", { version: "1", labels: ["nothing"] }, identity)).status).toBe(200);
  });

  it("a request from loopback without a token", async () => {
    for (const [method, path] of [
      ["GET", "/repos/admin/project"],
      ["GET", "/admin/actions/runners"],
      ["POST", "/admin/actions/runners/registration-token"],
      ["POST", "/runs"],
    ] as const) {
      const answer = await server.api(method, path, method === "POST" ? {} : undefined, null);
      expect(answer, path).toMatchObject({
        status: 401,
        json: { message: expect.stringMatching(/API token is needed/) },
      });
    }
  });

  it("a wrong API token", async () => {
    expect(await server.api("GET", "/repos/admin/project", undefined, "f".repeat(40))).toMatchObject({
      status: 401,
      json: { message: expect.stringMatching(/not known to this server/) },
    });
  });

  it("an unknown runner, and a known one with a wrong token, in the same words", async () => {
    const unknown = await rpc(server, "FetchTask", {}, { "x-runner-uuid": UUID, "x-runner-token": "f".repeat(40) });
    const wrong = await rpc(server, "FetchTask", {}, { ...identity, "x-runner-token": "f".repeat(40) });
    const nobody = await rpc(server, "FetchTask", {});
    expect(unknown).toMatchObject({
      status: 401,
      json: { code: "unauthenticated", message: expect.stringMatching(/unregistered runner$/) },
    });
    expect(wrong).toEqual(unknown);
    expect(nobody).toEqual(unknown);
  });

  it("a registration token that never was, and one that was reset", async () => {
    expect(await rpc(server, "Register", { name: "r", token: "f".repeat(40) })).toMatchObject({
      status: 400,
      json: { code: "invalid_argument", message: expect.stringMatching(/not known here/) },
    });
    const { token } = await server.get("POST", "/admin/actions/runners/registration-token");
    await server.get("POST", "/admin/actions/runners/registration-token/reset");
    expect(await rpc(server, "Register", { name: "r", token })).toMatchObject({
      status: 400,
      json: { code: "invalid_argument", message: expect.stringMatching(/invalidated by a reset/) },
    });
  });

  it("a body that is not what it says", async () => {
    expect(await server.api("POST", "/runs", '{"repository":')).toMatchObject({
      status: 400,
      json: { message: expect.stringMatching(/not JSON/) },
    });
    expect(await server.api("POST", "/runs", { workflow: 7 })).toMatchObject({
      status: 422,
      json: { message: expect.stringMatching(/repository|workflow/) },
    });
    expect(await rpc(server, "FetchTask", "{", identity)).toMatchObject({
      status: 400,
      json: { code: "invalid_argument" },
    });
    const garbage = await rpc(server, "UpdateLog", "\u00ff\u0001not protobuf", {
      ...identity,
      "content-type": "application/proto",
    });
    expect(garbage.json.code).toBe("invalid_argument");
    expect(garbage.json.message).toBe("the request is not a runner.v1.UpdateLogRequest");
    expect(await rpc(server, "UpdateTask", {}, identity)).toMatchObject({
      status: 400,
      json: { message: expect.stringMatching(/has no state/) },
    });
  });

  it("a report on a task that is not there", async () => {
    expect(await rpc(server, "UpdateLog", { taskId: "4711", rows: [{ content: "x" }] }, identity)).toMatchObject({
      status: 404,
      json: { code: "not_found", message: expect.stringContaining("4711") },
    });
  });

  it("a workflow with three mistakes, all of them at once", async () => {
    const answer = await server.api("POST", "/runs", { repository: "admin/project", workflow: "wrong.yml" });
    expect(answer).toMatchObject({
      status: 422,
      json: { message: expect.stringMatching(/wrong\.yml has 3 mistakes, the first at line \d+, column \d+/) },
    });
    const found = answer.json.details.diagnostics.map(
      (one: { line: number; column: number; message: string }) => one.line,
    );
    expect(found).toHaveLength(3);
    expect(new Set(found).size).toBe(3);
  });

  it("a commit, a branch, a workflow and a repository that are missing", async () => {
    const submit = async (wanted: Record<string, unknown>) =>
      await server.api("POST", "/runs", { repository: "admin/project", workflow: "good.yml", ...wanted });
    const missing = "0123456789abcdef0123456789abcdef01234567";
    expect(await submit({ sha: missing })).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining("has no commit 0123456789") },
    });
    expect(await submit({ ref: "nowhere" })).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining("nowhere") },
    });
    expect(await submit({ workflow: "none.yml" })).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining("none.yml") },
    });
    expect(await submit({ repository: "admin/none" })).toMatchObject({
      status: 404,
      json: { message: expect.stringContaining("admin/none") },
    });
    expect(await submit({ sha })).toMatchObject({ status: 201 });
  });

  it("a repository outside of --repo-root", async () => {
    const outside = await realpath(await mkdtemp(join(tmpdir(), "outside-")));
    try {
      for (const clone_url of [outside, "/etc", `${outside}/../../etc`, "file:///etc", "ext::sh -c id"]) {
        const answer = await server.api("POST", "/user/repos", { name: "stolen", clone_url });
        expect(answer, clone_url).toMatchObject({
          status: 422,
          json: { message: expect.stringMatching(/below the server's --repo-root|clone URL/) },
        });
      }
      expect((await server.api("GET", "/repos/admin/stolen")).status).toBe(404);
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});
