import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemIds } from "../../../src/lib/ids.ts";
import type { JsonValue } from "../../../src/lib/json.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import { compileConfig } from "../../../src/runner/config.ts";
import { LocalServices } from "../../../src/runner/services/local-services.ts";
import { RunnerServices } from "../../../src/runner/services/runner-services.ts";

const API = "_apis/artifactcache";
const github = (repository: string, ref: string, more: Readonly<Record<string, JsonValue>> = {}) => ({
  ...{ repository, ref, run_id: "7", run_attempt: "1", event: { repository: { default_branch: "main" } } },
  ...more,
});

describe("a runner's own cache server", () => {
  let dir: string;
  const parts = { clock: systemClock, ids: systemIds, log: silentLogger };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "runner-cache-"));
  });

  afterEach(() => rm(dir, { recursive: true }));

  function services(flags: Readonly<Record<string, string>> = {}, instance = "http://127.0.0.1:9"): RunnerServices {
    const config = compileConfig({ flags: { "cache.dir": dir, ...flags } }).config.cache;
    return new RunnerServices({
      ...parts,
      config,
      instance,
      insecure: false,
      instanceHasCaches: false,
      defaultDir: dir,
    });
  }

  async function save(env: Readonly<Record<string, string>>, token: string, key: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    const base = `${env["ACTIONS_CACHE_URL"]}${API}/caches`;
    const made = await fetch(base, { method: "POST", headers, body: JSON.stringify({ key, version: "v" }) });
    const { cacheId } = (await made.json()) as { cacheId: number };
    await fetch(`${base}/${cacheId}`, {
      method: "PATCH",
      headers: { ...headers, "content-range": "bytes 0-4/*" },
      body: "hello",
    });
    const end = await fetch(`${base}/${cacheId}`, { method: "POST", headers, body: JSON.stringify({ size: 5 }) });
    expect(end.status).toBe(204);
  }
  async function restore(env: Readonly<Record<string, string>>, token: string, keys: string): Promise<string | number> {
    const url = `${env["ACTIONS_CACHE_URL"]}${API}/cache?keys=${keys}&version=v`;
    const found = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    if (found.status !== 200) return found.status;
    return await (await fetch(((await found.json()) as { archiveLocation: string }).archiveLocation)).text();
  }

  it("keeps caches by repository and ref, over its restarts, for tokens of running jobs alone", async () => {
    {
      await using runner = services();
      using job = await runner.begin({ token: "t1", github: github("o/r", "refs/heads/main"), inContainer: false });
      expect(job.env).toMatchObject({ ACTIONS_CACHE_SERVICE_V2: "true" });
      await save(job.env, "t1", "key-1");
      expect(await restore(job.env, "t1", "key-1")).toBe("hello");
      expect(await restore(job.env, "t2", "key-1")).toBe(401);
    }
    await using again = services();
    using branch = await again.begin({ token: "t2", github: github("o/r", "refs/heads/next"), inContainer: false });
    expect(await restore(branch.env, "t2", "none,key-")).toBe("hello");
    await save(branch.env, "t2", "key-2");
    using main = await again.begin({ token: "t3", github: github("o/r", "refs/heads/main"), inContainer: false });
    expect(await restore(main.env, "t3", "key-2")).toBe(204);
    using other = await again.begin({ token: "t4", github: github("o/other", "refs/heads/main"), inContainer: false });
    expect(await restore(other.env, "t4", "key-1")).toBe(204);
    branch[Symbol.dispose]();
    expect(await restore(branch.env, "t2", "key-1")).toBe(401);
  });

  it("passes artifact calls on to the instance", async () => {
    await using instance = new LocalServices({ ...parts, folder: join(dir, "i"), cacheDir: join(dir, "c") });
    using access = await instance.begin({ github: github("o/r", "refs/heads/main"), inContainer: false });
    const token = access.env["ACTIONS_RUNTIME_TOKEN"] ?? "";
    await using runner = services({}, access.env["ACTIONS_RESULTS_URL"]);
    using job = await runner.begin({ token, github: github("o/r", "refs/heads/main"), inContainer: false });
    expect(job.env["ACTIONS_RESULTS_URL"]).not.toBe(access.env["ACTIONS_RESULTS_URL"]);
    const call = (name: string, message: object) =>
      fetch(`${job.env["ACTIONS_RESULTS_URL"]}/twirp/github.actions.results.api.v1.${name}`, {
        ...{ method: "POST", headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(message) },
      });
    const made = (await (await call("ArtifactService/CreateArtifact", { name: "a" })).json()) as {
      signed_upload_url: string;
    };
    expect(new URL(made.signed_upload_url).origin).toBe(access.env["ACTIONS_RESULTS_URL"]);
    const missed = await call("CacheService/GetCacheEntryDownloadURL", { key: "k", version: "v" });
    expect(await missed.json()).toMatchObject({ ok: false });
    expect((await fetch(`${job.env["ACTIONS_RESULTS_URL"]}/api/v1/version`)).status).toBe(404);
  });

  it.each([
    [{ "cache.enabled": "false" }, {}],
    [{ "cache.external_server": "http://cache:8080" }, { ACTIONS_CACHE_URL: "http://cache:8080/" }],
  ])("as %j says", async (flags, env) => {
    await using runner = services(flags);
    using job = await runner.begin({ token: "t", github: {}, inContainer: false });
    expect(job.env).toEqual(env);
  });
});
