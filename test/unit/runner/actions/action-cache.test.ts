import { mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Git } from "../../../../src/drivers/git/git.ts";
import { systemClock } from "../../../../src/lib/clock.ts";
import { systemIds } from "../../../../src/lib/ids.ts";
import { ActionCache, type ActionCacheOptions } from "../../../../src/runner/actions/action-cache.ts";
import type { ActionOrigin } from "../../../../src/runner/actions/action-origin.ts";
import { type GitRepository, gitRepository } from "../../../support/git-repository.ts";

describe("ActionCache", () => {
  let repository: GitRepository;
  let sha: string;
  let root: string;
  let origin: ActionOrigin;
  const { signal } = new AbortController();

  beforeEach(async () => {
    repository = await gitRepository();
    sha = await repository.commit({ "action.yml": "one", "dist/index.js": "x" });
    await repository.git("tag", "-a", "v1", "-m", "v1");
    root = join(repository.root, "cache");
    origin = {
      url: repository.path,
      credential: undefined,
      followRedirects: true,
      allowProtocols: ["file"],
      cachePath: ["host", "octo", "action"],
    };
  });

  afterEach(() => repository[Symbol.asyncDispose]());

  const cache = (more: Partial<ActionCacheOptions> = {}) =>
    new ActionCache({
      root,
      git: new Git({ path: process.env["PATH"] ?? "" }),
      ids: systemIds,
      clock: systemClock,
      ...more,
    });
  /** The host as it looks when it is away. */
  const away = async () => {
    await rename(repository.path, `${repository.path}-away`);
    return { ...origin, url: "http://127.0.0.1:9/octo/action", allowProtocols: ["http"] };
  };

  it("fetches a commit once, without .git and without history", async () => {
    const one = cache();
    expect(await one.resolve(origin, "v1", { signal })).toEqual({ sha, remembered: false });
    const folder = await one.folder(origin, sha, { signal });
    expect(folder).toBe(join(root, "host", "octo", "action", sha));
    expect((await readdir(folder)).sort()).toEqual(["action.yml", "dist"]);
    expect((await readdir(join(folder, ".."))).sort()).toEqual([sha, "refs"].sort());
    const gone = await away();
    expect(await cache().folder(gone, sha, { signal })).toBe(folder);
  });

  it("forgets commits that nobody has asked for in a month, and keeps those that are used", async () => {
    const day = 86_400_000;
    const at = (days: number) => cache({ clock: { ...systemClock, now: () => systemClock.now() + days * day } });
    const next = await repository.commit({ "action.yml": "two" });
    for (const commit of [sha, next]) await at(0).folder(origin, commit, { signal });
    const there = async () => (await readdir(join(root, "host", "octo", "action"))).sort();
    await at(29).sweep();
    await at(20).folder(origin, next, { signal });
    expect(await there()).toEqual([sha, next].sort());
    const later = at(31);
    await later.sweep();
    expect(await there()).toEqual([next]);
    await later.folder(origin, sha, { signal });
    expect(await there()).toEqual([sha, next].sort());
  });

  it("follows a branch", async () => {
    const one = cache();
    expect((await one.resolve(origin, "main", { signal })).sha).toBe(sha);
    const next = await repository.commit({ "action.yml": "two" });
    expect((await one.resolve(origin, "main", { signal })).sha).toBe(next);
    expect(await readFile(join(await one.folder(origin, next, { signal }), "action.yml"), "utf8")).toBe("two");
    expect(await readFile(join(await one.folder(origin, sha, { signal }), "action.yml"), "utf8")).toBe("one");
  });

  it("remembers refs for when the host is away", async () => {
    await cache().resolve(origin, "v1", { signal });
    const gone = await away();
    expect(await cache().resolve(gone, "v1", { signal })).toEqual({ sha, remembered: true });
    expect(await cache().resolve(gone, sha.toUpperCase(), { signal })).toEqual({ sha, remembered: true });
    await expect(cache().resolve(gone, "main", { signal })).rejects.toMatchObject({ code: "unavailable" });
  });

  it("offline, asks only about refs it has not seen", async () => {
    await cache({ offline: true }).resolve(origin, "main", { signal });
    await repository.commit({ "action.yml": "two" });
    expect(await cache({ offline: true }).resolve(origin, "main", { signal })).toEqual({ sha, remembered: true });
    expect(await cache({ offline: true }).resolve(origin, "v1", { signal })).toEqual({ sha, remembered: false });
  });

  it("says what a host does not have, and forgets nothing for it", async () => {
    await cache().resolve(origin, "v1", { signal });
    await repository.git("tag", "-d", "v1");
    await expect(cache().resolve(origin, "v1", { signal })).rejects.toMatchObject({ code: "not_found" });
    await expect(cache().folder(origin, "0".repeat(40), { signal })).rejects.toMatchObject({ code: "not_found" });
    expect(await readdir(join(root, "host", "octo", "action"))).toEqual(["refs"]);
  });

  it("is filled by several runners at once", async () => {
    const folders = await Promise.all(
      [cache(), cache(), cache()].flatMap((one) => [
        one.folder(origin, sha, { signal }),
        one.folder(origin, sha, { signal }),
      ]),
    );
    expect(new Set(folders).size).toBe(1);
    expect(await readdir(join(root, "host", "octo", "action"))).toEqual([sha]);
  });

  it("leaves nothing of a fetch that was cancelled", async () => {
    const stop = new AbortController();
    stop.abort();
    await mkdir(root, { recursive: true });
    await expect(cache().folder(origin, sha, { signal: stop.signal })).rejects.toMatchObject({ code: "cancelled" });
    expect(await readdir(join(root, "host", "octo", "action"))).toEqual([]);
  });
});
