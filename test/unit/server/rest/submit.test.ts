import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GitRepository, gitRepository } from "../../../support/git-repository.ts";
import { type TestClient, type TestServer, testServer } from "../../../support/test-server.ts";

const HELLO = `name: Hello
on:
  push:
  workflow_dispatch:
    inputs:
      who: { type: string, required: true }
      level: { type: choice, options: [low, high], default: low }
      dry: { type: boolean, default: false }
      count: { type: number, default: 3 }
jobs:
  hello:
    runs-on: linux
    if: inputs.dry != true
    steps:
      - run: echo hello
`;

const BROKEN = `on: push
jobs:
  one:
    runs-on: linux
    steps:
      - run: echo \${{ github. }}
  two:
    needs: none
    runs-on: linux
    steps:
      - run: echo
  three:
    steps:
      - run: echo
`;

let server: TestServer;
let origin: GitRepository;
let admin: TestClient;
let sha: string;

beforeAll(async () => {
  origin = await gitRepository();
  sha = await origin.commit({
    ".gitea/workflows/hello.yml": HELLO,
    ".github/workflows/other.yaml": HELLO,
    ".gitea/workflows/broken.yml": BROKEN,
    ".gitea/workflows/notes.txt": "not a workflow",
    "ci/elsewhere.yml": HELLO,
  });
  server = await testServer({ repoRoot: origin.root });
  admin = server.admin;
  await admin.post("/admin/users/olga/repos", { name: "app", clone_url: origin.path });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const submit = (body: object) =>
  admin.post("/runs", { repository: "olga/app", workflow: "hello.yml", inputs: { who: "x" }, ...body });

describe("POST /runs", () => {
  it("makes a run at the newest commit of the default branch, a branch, a tag and a commit", async () => {
    expect((await submit({})).json).toMatchObject({
      head_sha: sha,
      head_branch: "main",
      event: "workflow_dispatch",
      path: "hello.yml@refs/heads/main",
      status: "queued",
      conclusion: null,
      actor: { login: "admin" },
      repository: { full_name: "olga/app" },
      warnings: [],
    });
    const later = await origin.commit({ "a.txt": "a" }, "another commit");
    expect((await submit({})).json).toMatchObject({ head_sha: later, display_title: "another commit" });
    await origin.git("tag", "v1", sha);
    expect((await submit({ ref: "v1" })).json).toMatchObject({
      head_sha: sha,
      path: "hello.yml@refs/tags/v1",
      head_branch: "v1",
    });
    await origin.git("branch", "side", sha);
    expect((await submit({ ref: "refs/heads/side" })).json).toMatchObject({ head_sha: sha, head_branch: "side" });
    expect((await submit({ sha, ref: "main" })).json).toMatchObject({ head_sha: sha, head_branch: "main" });
    expect((await submit({ ref: sha })).json).toMatchObject({ head_sha: sha });
  });

  it("finds workflows by file name in each folder, and by path", async () => {
    expect((await submit({ workflow: "other.yaml" })).json.workflow_path).toBe(".github/workflows/other.yaml");
    expect((await submit({ workflow: "ci/elsewhere.yml" })).json.workflow_path).toBe("ci/elsewhere.yml");
    expect((await submit({ workflow: "./.gitea/workflows/hello.yml" })).json.workflow_id).toBe("hello.yml");
    const missing = await submit({ workflow: "helo.yml" });
    expect([missing.status, missing.json.message]).toEqual([404, expect.stringContaining("did you mean hello.yml?")]);
    expect((await submit({ workflow: "../../etc/passwd" })).status).toBe(422);
    expect((await submit({ workflow: "/etc/passwd" })).status).toBe(422);
  });

  it("tells every mistake of a file with its position", async () => {
    const { status, json } = await submit({ workflow: "broken.yml", inputs: {} });
    expect(status).toBe(422);
    expect(json.message).toMatch(
      /^\.gitea\/workflows\/broken\.yml has 3 mistakes, the first at line \d+, column \d+: /,
    );
    const lines = json.details.diagnostics.map((one: { line: number }) => one.line);
    expect(lines.sort((a: number, b: number) => a - b)).toEqual([6, 8, 13]);
    for (const one of json.details.diagnostics)
      expect(one).toMatchObject({ severity: "error", column: expect.any(Number), message: expect.any(String) });
  });

  it("refuses refs and commits that are not there", async () => {
    expect((await submit({ ref: "nowhere" })).status).toBe(404);
    expect((await submit({ ref: "--upload-pack=id" })).status).toBe(404);
    const notRefs = [
      "refs/heads/\u001b[31m",
      "refs/heads/a\nb",
      "refs/heads/\u0000",
      `refs/heads/${"x".repeat(9_000)}`,
    ];
    for (const ref of notRefs) {
      expect([ref, (await submit({ ref, sha })).status]).toEqual([ref, 404]);
      expect([ref, (await submit({ ref: ref.repeat(40) })).status]).toEqual([ref, 404]);
    }
    expect((await submit({ workflow: `${"x".repeat(200_000)}.yml` })).status).toBe(422);
    expect((await submit({ sha: "0123456789012345678901234567890123456789" })).status).toBe(404);
    expect((await submit({ sha: "main" })).status).toBe(422);
  });

  it("refuses events that the workflow does not run on, and repositories that are not there", async () => {
    const { status, json } = await submit({ event: "schedule", inputs: {} });
    expect([status, json.message]).toEqual([422, expect.stringContaining("it runs on push, workflow_dispatch")]);
    expect((await submit({ event: "push", inputs: {} })).json.event).toBe("push");
    expect((await submit({ event: "push" })).status).toBe(422);
    expect((await submit({ repository: "olga/none" })).status).toBe(404);
    expect((await submit({ repository: "olga" })).status).toBe(422);
    expect((await submit({ workflw: "x" })).json.message).toContain("did you mean workflow?");
  });

  it("checks inputs by their declared types", async () => {
    const refusals: [object, string][] = [
      [{}, "who is required"],
      [{ who: "x", hwo: "y" }, "hwo; did you mean who?"],
      [{ who: "x", level: "middle" }, "one of low, high"],
      [{ who: "x", dry: "maybe" }, "true or false"],
      [{ who: "x", count: "many" }, "must be a number"],
    ];
    for (const [inputs, reason] of refusals) {
      const { status, json } = await submit({ inputs });
      expect([inputs, status, json.message]).toEqual([inputs, 422, expect.stringContaining(reason)]);
    }
    expect((await submit({ inputs: { WHO: "x", level: "high", dry: false, count: 4 } })).status).toBe(201);
  });

  it("skips what the job's condition excludes, so that the run is over at once", async () => {
    const made = await submit({ inputs: { who: "x", dry: true } });
    expect(made.json).toMatchObject({ status: "completed", conclusion: "skipped" });
  });
});

describe("dispatches", () => {
  const url = "/repos/olga/app/actions/workflows/hello.yml/dispatches";

  it("answer as Gitea does, and as Forgejo does", async () => {
    const body = { ref: "main", inputs: { who: "x" } };
    expect((await admin.post(url, body)).status).toBe(204);
    const details = await admin.post(`${url}?return_run_details=true`, body);
    expect([details.status, details.json]).toEqual([
      200,
      expect.objectContaining({
        workflow_run_id: expect.any(Number),
        run_url: expect.stringContaining("/actions/runs/"),
      }),
    ]);
    expect((await admin.post(url, { ...body, return_run_info: true })).status).toBe(201);
  });

  it("need a ref, inputs that fit, and the right to write", async () => {
    expect((await admin.post(url, { inputs: { who: "x" } })).status).toBe(422);
    expect((await admin.post(url, { ref: "main" })).status).toBe(422);
    expect((await admin.post(url.replace("hello", "none"), { ref: "main" })).status).toBe(404);
    const { token } = (await admin.post("/users/olga/tokens", { name: "r", access: "read" })).json;
    expect((await server.client(token).post(url, { ref: "main", inputs: { who: "x" } })).status).toBe(403);
  });
});

describe("workflows and lists", () => {
  it("lists the workflow files of a ref", async () => {
    const { json } = await admin.get("/repos/olga/app/actions/workflows");
    expect(json.workflows.map((one: { path: string }) => one.path)).toEqual([
      ".gitea/workflows/broken.yml",
      ".gitea/workflows/hello.yml",
      ".github/workflows/other.yaml",
    ]);
    expect((await admin.get("/repos/olga/app/actions/workflows/hello.yml")).json.state).toBe("active");
    expect((await admin.get("/repos/olga/app/actions/workflows/none.yml")).status).toBe(404);
  });

  it("filters runs and jobs by status, event, branch and commit, in every scope", async () => {
    await submit({ ref: "side" });
    for (const place of ["/admin", "/orgs/olga", "/repos/olga/app"]) {
      const count = async (query: string) => (await admin.get(`${place}/actions/runs?${query}`)).json.total_count;
      const all = await count("");
      expect(all).toBeGreaterThan(5);
      expect(await count("branch=side")).toBeGreaterThanOrEqual(1);
      expect((await count("status=queued")) + (await count("status=completed"))).toBe(all);
      expect(await count("status=queued&status=success&status=skipped")).toBe(all);
      expect(await count("event=push")).toBe(1);
      expect(await count("actor=nobody")).toBe(0);
      expect((await admin.get(`${place}/actions/runs?status=odd`)).status).toBe(422);
      const jobs = await admin.get(`${place}/actions/jobs?status=queued&limit=2`);
      expect(jobs.json.jobs).toHaveLength(2);
      expect(jobs.json.jobs[0]).toMatchObject({ status: "queued", labels: ["linux"], runner_id: null, steps: [] });
    }
    const waiting = async (labels: string) =>
      (await admin.get(`/admin/actions/runners/jobs?labels=${labels}`)).json.length as number;
    expect(await waiting("linux,x64")).toBeGreaterThan(3);
    expect(await waiting("windows")).toBe(0);
    const { json } = await admin.get("/repos/olga/app/actions/runs?limit=1");
    expect((await admin.get(`/repos/olga/app/actions/runs/${json.workflow_runs[0].id}/workflow`)).text).toBe(HELLO);
    expect((await admin.get("/repos/olga/app/actions/runs/99999")).status).toBe(404);
    expect((await admin.get("/repos/olga/app/actions/jobs/99999")).status).toBe(404);
  });
});
