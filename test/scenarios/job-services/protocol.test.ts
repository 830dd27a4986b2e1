import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import type { Task } from "../../../src/protocol/messages.ts";
import { type GitRepository, gitRepository } from "../../support/git-repository.ts";
import { type ScriptedRunner, scriptedRunner } from "../../support/scripted-runner.ts";
import { type TestServer, testServer } from "../../support/test-server.ts";

const WORKFLOW = "on: [push, pull_request, workflow_dispatch]\njobs: {one: {runs-on: linux, steps: [{run: echo}]}}\n";
const DAY_MS = 86_400_000;

/** A job that runs, and calls services with its token. */
interface RunningJob {
  readonly task: Task;
  readonly runId: number;
  readonly token: string;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  twirp(method: string, message: object): Promise<{ status: number; json: Readonly<Record<string, string>> }>;
}

describe("the protocols of the job services", { timeout: 60_000 }, () => {
  let origin: GitRepository;
  let server: TestServer;
  let runner: ScriptedRunner;
  let now = 0;

  beforeEach(async () => {
    now = 0;
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + now };
    origin = await gitRepository({ ".gitea/workflows/ci.yml": WORKFLOW });
    server = await testServer({ repoRoot: origin.root, maxFileBytes: 1000, cacheRepositoryBytes: 25 }, { clock });
    for (const owner of ["olga", "mallory"]) {
      await server.admin.post(`/admin/users/${owner}/repos`, { name: "app", clone_url: origin.path });
    }
    const { token } = (await server.admin.get("/admin/actions/runners/registration-token")).json;
    runner = await scriptedRunner(server.url, token);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  });

  async function startJob(repository = "olga/app", more: object = {}): Promise<RunningJob> {
    const made = await server.admin.post("/runs", { repository, workflow: "ci.yml", ...more });
    expect([made.status, made.json?.message]).toEqual([201, undefined]);
    const task = await runner.fetch();
    if (task === undefined) throw new Error("there was no task");
    await runner.report(task, {});
    const token = String((task.context as Record<string, unknown>)["gitea_runtime_token"]);
    const call: RunningJob["call"] = (method, path, body, headers = {}) =>
      fetch(path.startsWith("http") ? path : `${server.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
    return {
      ...{ task, token, call, runId: made.json.id },
      async twirp(method, message) {
        const response = await call("POST", `/twirp/github.actions.results.api.v1.${method}`, message);
        return { status: response.status, json: (await response.json()) as Record<string, string> };
      },
    };
  }

  const create = (job: RunningJob, name = "site", runId = job.runId) =>
    job.twirp("ArtifactService/CreateArtifact", { workflow_run_backend_id: String(runId), name, version: 7 });
  const finalize = (job: RunningJob, size: number, name = "site", more: object = {}) =>
    job.twirp("ArtifactService/FinalizeArtifact", {
      workflow_run_backend_id: String(job.runId),
      name,
      size: String(size),
      ...more,
    });
  const put = (url: string, body: string, more = "") => fetch(`${url}${more}`, { method: "PUT", body });
  const signed = (job: RunningJob, name = "site") => job.twirp("ArtifactService/GetSignedArtifactURL", { name });

  async function upload(job: RunningJob, text: string, name = "site"): Promise<void> {
    const url = String((await create(job, name)).json["signed_upload_url"]);
    expect((await put(url, text)).status).toBe(201);
    expect((await finalize(job, text.length, name)).json).toMatchObject({ ok: true });
  }

  async function save(job: RunningJob, key: string, text: string): Promise<Readonly<Record<string, unknown>>> {
    const { json } = await job.twirp("CacheService/CreateCacheEntry", { key, version: "v" });
    if (!json["ok"]) return json;
    await put(String(json["signed_upload_url"]), text);
    return (
      await job.twirp("CacheService/FinalizeCacheEntryUpload", { key, version: "v", size_bytes: String(text.length) })
    ).json;
  }
  const restore = async (job: RunningJob, key: string, ...restore_keys: string[]) =>
    (await job.twirp("CacheService/GetCacheEntryDownloadURL", { key, restore_keys, version: "v" })).json;

  it("blocks come in any order and count in the order of the list; ranges are served", async () => {
    const job = await startJob();
    const url = String((await create(job)).json["signed_upload_url"]);
    for (const [id, text] of [
      ["Yg==", "world"],
      ["YQ==", "hello "],
      ["Yw==", "unused"],
    ] as const) {
      expect((await put(url, text, `&comp=block&blockid=${encodeURIComponent(id)}`)).status).toBe(201);
    }
    const list = "<BlockList><Latest>YQ==</Latest><Latest>Yg==</Latest></BlockList>";
    expect((await put(url, list, "&comp=blocklist")).status).toBe(201);
    expect((await finalize(job, 12)).status).toBe(400);
    expect((await finalize(job, 11, "site", { hash: "sha256:00" })).status).toBe(400);
    expect((await finalize(job, 11)).json).toMatchObject({ ok: true });
    const address = String((await signed(job)).json["signed_url"]);
    const whole = await fetch(address);
    expect([await whole.text(), whole.headers.get("content-type")]).toEqual(["hello world", "application/zip"]);
    expect(whole.headers.get("content-disposition")).toContain('filename="site.zip"');
    const part = await fetch(address, { headers: { range: "bytes=4-7" } });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, "o wo", "bytes 4-7/11"]);
    expect(await (await fetch(address, { headers: { range: "bytes=-3" } })).text()).toBe("rld");
    expect((await fetch(address, { headers: { range: "bytes=11-" } })).status).toBe(416);
    expect((await fetch(address, { method: "HEAD" })).headers.get("content-length")).toBe("11");
  });

  it("a file that is too large is refused, by part and in total, and nothing of it stays", async () => {
    const job = await startJob();
    const url = String((await create(job)).json["signed_upload_url"]);
    expect((await put(url, "x".repeat(1001))).status).toBe(413);
    for (const id of ["a", "b"])
      expect((await put(url, "x".repeat(600), `&comp=block&blockid=${id}`)).status).toBe(201);
    expect((await put(url, "<Latest>a</Latest><Latest>b</Latest>", "&comp=blocklist")).status).toBe(413);
    expect((await put(url, "x".repeat(900), "&comp=block&blockid=c")).status).toBe(201);
    expect((await finalize(job, 0)).status).toBe(400);
  });

  it("other jobs, runs and repositories are out of reach", async () => {
    const [job, stranger] = [await startJob(), await startJob("mallory/app")];
    await upload(job, "secret");
    await save(job, "key", "secret");
    expect((await create(stranger, "site", job.runId)).status).toBe(403);
    const list = { workflow_run_backend_id: String(job.runId) };
    expect((await stranger.twirp("ArtifactService/ListArtifacts", list)).status).toBe(403);
    expect((await stranger.twirp("ArtifactService/ListArtifacts", {})).json["artifacts"]).toEqual([]);
    expect((await signed(stranger)).status).toBe(404);
    expect((await stranger.twirp("ArtifactService/DeleteArtifact", { name: "site" })).status).toBe(404);
    expect(await restore(stranger, "key", "k")).toMatchObject({ ok: false });
    const v3 = `/api/actions_pipeline/_apis/pipelines/workflows/${job.runId}/artifacts`;
    expect((await stranger.call("GET", v3)).status).toBe(403);
    expect(
      (await stranger.call("GET", `${v3.replace(String(job.runId), String(stranger.runId))}/1/file?itemPath=site`))
        .status,
    ).toBe(404);
    const pending = await job.call("POST", "/_apis/artifactcache/caches", { key: "mine", version: "v" });
    const { cacheId } = (await pending.json()) as { cacheId: number };
    const range = { "content-range": "bytes 0-2/*" };
    expect((await stranger.call("PATCH", `/_apis/artifactcache/caches/${cacheId}`, "bad", range)).status).toBe(404);
    expect((await stranger.call("POST", `/_apis/artifactcache/caches/${cacheId}`, { size: 3 })).status).toBe(404);
    const summary = `/api/actions_pipeline/_apis/pipelines/workflows/${job.runId}/jobs/1/steps/0/summary`;
    expect((await stranger.call("PUT", summary, "forged")).status).toBe(403);
  });

  it("signed addresses cannot be changed, and expire", async () => {
    const job = await startJob();
    await upload(job, "text");
    await upload(job, "other", "other");
    const address = String((await signed(job)).json["signed_url"]);
    const status = async (url: string, method = "GET") => (await fetch(url, { method })).status;
    expect(await status(address.replace("/artifact/1/", "/artifact/2/"))).toBe(403);
    expect(await status(address.replace("act=read", "act=write"), "PUT")).toBe(403);
    expect(await status(address, "PUT")).toBe(403);
    expect(await status(address.replace(/exp=\d+/, "exp=99999999999999"))).toBe(403);
    expect(await status(address.replace(/sig=.*/, ""))).toBe(403);
    expect(await status(`${server.url}/api/actions_results/blobs/artifact/1/x`)).toBe(403);
    now = 3_600_001;
    expect(await status(address)).toBe(403);
  });

  it("tokens and addresses for uploads die with the task", async () => {
    const job = await startJob();
    const url = String((await create(job)).json["signed_upload_url"]);
    await upload(job, "kept", "kept");
    await runner.play(job.task);
    expect((await create(job, "late")).status).toBe(401);
    expect((await put(url, "late")).status).toBe(403);
    expect((await job.call("GET", "/_apis/artifactcache/cache?keys=a&version=v")).status).toBe(401);
    expect(
      (
        await fetch(`${server.url}/twirp/github.actions.results.api.v1.ArtifactService/ListArtifacts`, {
          method: "POST",
          body: "{}",
        })
      ).status,
    ).toBe(401);
    const { artifacts } = (await server.admin.get("/repos/olga/app/actions/artifacts?name=kept")).json;
    expect(artifacts).toMatchObject([{ name: "kept", size_in_bytes: 4 }]);
  });

  it("a pull request reads the caches of the default branch, and saves for itself alone", async () => {
    const main = await startJob();
    expect(await save(main, "key-1", "base")).toMatchObject({ ok: true });
    await runner.play(main.task);
    const pull = await startJob("olga/app", { event: "pull_request" });
    expect(await restore(pull, "key-2", "key-")).toMatchObject({ ok: true, matched_key: "key-1" });
    expect(await save(pull, "key-2", "evil")).toMatchObject({ ok: true });
    expect(await restore(pull, "key-2")).toMatchObject({ matched_key: "key-2" });
    await runner.play(pull.task);
    const later = await startJob();
    expect(await restore(later, "key-2", "key-")).toMatchObject({ matched_key: "key-1" });
  });

  it("caches are evicted by size, the one first that was used longest ago, and by age", async () => {
    const job = await startJob();
    for (const key of ["a", "b"]) expect(await save(job, key, "0123456789")).toMatchObject({ ok: true });
    now = 1000;
    expect(await restore(job, "a")).toMatchObject({ ok: true });
    expect(await save(job, "c", "0123456789")).toMatchObject({ ok: true });
    expect(await save(job, "c", "0123456789")).toMatchObject({ ok: false });
    const keys = async () =>
      (await server.admin.get("/repos/olga/app/actions/caches")).json.actions_caches.map(
        ({ key }: { key: string }) => key,
      );
    expect(await keys()).toEqual(["c", "a"]);
    now = 8 * DAY_MS;
    expect((await server.admin.delete("/repos/olga/app/actions/caches?key=a")).status).toBe(200);
    expect(await keys()).toEqual(["c"]);
  });

  it("protocol 3: files in ranges, listed and read again; gzip stays the client's", async () => {
    const job = await startJob();
    const base = `/api/actions_pipeline/_apis/pipelines/workflows/${job.runId}/artifacts`;
    const made = await job.call("POST", `${base}?api-version=6.0-preview`, {
      Type: "actions_storage",
      Name: "site",
      RetentionDays: 5,
    });
    const { fileContainerResourceUrl: place } = (await made.json()) as { fileContainerResourceUrl: string };
    const send = (path: string, text: string, range: string, more = {}) =>
      job.call("PUT", `${place}?itemPath=${encodeURIComponent(path)}`, text, { "content-range": range, ...more });
    expect((await send("site/a b.txt", "hel", "bytes 0-2/5")).status).toBe(200);
    expect((await send("site/a b.txt", "lo", "bytes 3-4/5")).status).toBe(200);
    expect((await send("site/deep/z", "zipped", "bytes 0-5/6", { "content-encoding": "gzip" })).status).toBe(200);
    expect((await send("site/../x", "x", "bytes 0-0/1")).status).toBe(400);
    expect((await job.call("PATCH", `${base}?artifactName=site`, { Size: 11 })).status).toBe(200);
    const { value } = (await (await job.call("GET", base)).json()) as {
      value: { name: string; fileContainerResourceUrl: string }[];
    };
    expect(value.map(({ name }) => name)).toEqual(["site"]);
    const listed = await job.call("GET", `${value[0]?.fileContainerResourceUrl}?itemPath=site`);
    const files = ((await listed.json()) as { value: { path: string; contentLocation: string }[] }).value;
    expect(new Set(files.map(({ path }) => path))).toEqual(new Set(["site/a b.txt", "site/deep/z"]));
    const text = await job.call("GET", files.find(({ path }) => path.endsWith("txt"))?.contentLocation ?? "");
    expect(await text.text()).toBe("hello");
  });

  it("files go with their run", async () => {
    const job = await startJob();
    await upload(job, "text");
    await runner.play(job.task);
    const blobs = () => readdir(join(server.dataDir, "blobs", "artifacts"));
    expect(await blobs()).toHaveLength(1);
    expect((await server.admin.delete(`/repos/olga/app/actions/runs/${job.runId}`)).status).toBe(204);
    await server.server.jobServices.sweep();
    expect(await blobs()).toEqual([]);
  });

  it("artifacts expire, and stay known", async () => {
    const job = await startJob();
    await upload(job, "text");
    now = 91 * DAY_MS;
    await server.server.jobServices.sweep();
    const [artifact] = (await server.admin.get("/repos/olga/app/actions/artifacts")).json.artifacts;
    expect(artifact).toMatchObject({ name: "site", expired: true });
    expect((await server.admin.get(`/repos/olga/app/actions/artifacts/${artifact.id}/zip`)).status).toBe(404);
    expect(await readdir(join(server.dataDir, "blobs", "artifacts"))).toEqual([]);
  });
});
