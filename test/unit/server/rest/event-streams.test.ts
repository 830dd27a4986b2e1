import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Result, type Task } from "../../../../src/protocol/messages.ts";
import { fastClock } from "../../../support/fast-clock.ts";
import { type GitRepository, gitRepository } from "../../../support/git-repository.ts";
import { type ScriptedRunner, scriptedRunner } from "../../../support/scripted-runner.ts";
import { type TestClient, type TestServer, testServer } from "../../../support/test-server.ts";

const WORKFLOW =
  "on: push\njobs:\n  one:\n    runs-on: linux\n    steps:\n      - name: Say it\n        run: echo one\n";

let server: TestServer;
let origin: GitRepository;
let admin: TestClient;
let runner: ScriptedRunner;

beforeAll(async () => {
  origin = await gitRepository({ ".gitea/workflows/ci.yml": WORKFLOW });
  server = await testServer({ repoRoot: origin.root });
  admin = server.admin;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
  runner = await scriptedRunner(server.url, (await admin.get("/admin/actions/runners/registration-token")).json.token);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

interface Event {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly data: any;
}

/** Events of a stream until its end. */
async function* events(path: string, lastEventId?: string, signal?: AbortSignal): AsyncGenerator<Event> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    headers: {
      authorization: `Bearer ${admin.token}`,
      accept: "text/event-stream",
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
    ...(signal === undefined ? {} : { signal }),
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  let text = "";
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const fields = new Map(
        text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      text = text.slice(end + 2);
      const event = fields.get("event");
      if (event !== undefined) yield { event, id: fields.get("id"), data: JSON.parse(fields.get("data") ?? "null") };
    }
  }
}

/** All events up to the end. */
async function collected(stream: AsyncIterable<Event>): Promise<Event[]> {
  const seen: Event[] = [];
  for await (const event of stream) seen.push(event);
  return seen;
}

async function started(): Promise<{ runId: number; jobId: number; task: Task }> {
  const made = await admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" });
  expect(made.status).toBe(201);
  const runId = made.json.id;
  const { jobs } = (await admin.get(`/repos/olga/app/actions/runs/${runId}/jobs`)).json;
  const task = await runner.fetch();
  if (task === undefined) throw new Error("there was no task");
  await runner.report(task, {});
  return { runId, jobId: jobs[0].id, task };
}

describe("the stream of a job", () => {
  it("tells rows as they come, resumes after the last one seen, and ends with the job", async () => {
    const { jobId, task } = await started();
    const path = `/repos/olga/app/actions/jobs/${jobId}/logs`;
    await runner.log(task, 0, ["a", "b"]);
    const live = events(path);
    expect((await live.next()).value).toMatchObject({ event: "row", id: "0", data: { index: 0, content: "a" } });
    expect((await live.next()).value).toMatchObject({ id: "1", data: { content: "b" } });
    const third = live.next();
    await runner.log(task, 2, ["c"], true);
    expect((await third).value).toMatchObject({ id: "2", data: { content: "c" } });
    const last = live.next();
    await runner.report(task, { result: Result.FAILURE });
    expect((await last).value).toMatchObject({ event: "end", data: { status: "completed", conclusion: "failure" } });
    expect((await live.next()).done).toBe(true);
    const resumed = await collected(events(path, "1"));
    expect(resumed.map((one) => [one.event, one.data.content])).toEqual([
      ["row", "c"],
      ["end", undefined],
    ]);
    expect(
      (await admin.request("GET", path, undefined, { accept: "text/event-stream", "last-event-id": "x" })).status,
    ).toBe(422);
  });

  it("waits for a job that has no runner yet, and has no text until then", async () => {
    const made = await admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" });
    const { jobs } = (await admin.get(`/repos/olga/app/actions/runs/${made.json.id}/jobs`)).json;
    const path = `/repos/olga/app/actions/jobs/${jobs[0].id}/logs`;
    expect((await admin.get(path)).status).toBe(404);
    const stream = collected(events(path));
    const task = await runner.fetch();
    if (task === undefined) throw new Error("there was no task");
    await runner.play(task, { rows: ["x"] });
    expect((await stream).map((one) => one.event)).toEqual(["row", "end"]);
  });
});

describe("the stream of a run", () => {
  it("tells states, steps and rows, the end of a job after its rows, and resumes", async () => {
    const { runId, jobId, task } = await started();
    const path = `/repos/olga/app/actions/runs/${runId}/events`;
    const all = collected(events(path));
    await runner.log(task, 0, ["a", "b"], true);
    await runner.report(task, { result: Result.SUCCESS });
    const seen = await all;
    const kinds = seen.map((one) => one.event);
    expect(kinds.at(0)).toBe("run");
    expect(kinds.at(-1)).toBe("end");
    const rows = seen
      .filter((one) => one.event === "log")
      .flatMap((one) => one.data.rows.map((row: { content: string }) => row.content));
    expect(rows).toEqual(["a", "b"]);
    expect(seen.findLastIndex((one) => one.event === "job")).toBeGreaterThan(kinds.lastIndexOf("log"));
    expect(seen.findLast((one) => one.event === "job")?.data).toMatchObject({ id: jobId, conclusion: "success" });
    expect(seen.find((one) => one.event === "step")?.data).toMatchObject({ job_id: jobId, number: 1, name: "Say it" });
    expect(seen.at(-1)?.data).toMatchObject({ id: runId, conclusion: "success" });
    const lastLog = seen.findLast((one) => one.event === "log");
    const resumed = await collected(events(path, lastLog?.id));
    expect(resumed.map((one) => one.event)).not.toContain("log");
    expect((await admin.request("GET", path, undefined, { "last-event-id": "x" })).status).toBe(422);
  });

  it("ends when the token that opened it is revoked", async () => {
    await using second = await testServer({ repoRoot: origin.root }, { clock: fastClock(20) });
    await second.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    const made = await second.admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" });
    const reader = await second.admin.post("/users/olga/tokens", { name: "reader", grant: "owner", access: "read" });
    expect(reader.status).toBe(201);
    const response = await fetch(`${second.url}/api/v1/repos/olga/app/actions/runs/${made.json.id}/events`, {
      headers: { authorization: `Bearer ${reader.json.token}` },
    });
    expect(response.status).toBe(200);
    const text = response.text();
    expect((await second.admin.delete(`/users/olga/tokens/${reader.json.id}`)).status).toBe(204);
    expect(await text).toMatch(/event: error\ndata: .*token.*\n\n$/);
  });

  it("ends when the server closes", async () => {
    await using second = await testServer({ repoRoot: origin.root });
    await second.admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
    const made = await second.admin.post("/runs", { repository: "olga/app", workflow: "ci.yml" });
    const response = await fetch(`${second.url}/api/v1/repos/olga/app/actions/runs/${made.json.id}/events`, {
      headers: { authorization: `Bearer ${second.adminToken}` },
    });
    const text = response.text();
    await second.server.close({ graceMs: 5_000 });
    expect(await text).toContain("event: run");
  });
});
