import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadRunnerFile, saveRunnerFile } from "../../../src/runner/runner-file.ts";
import { lockRunnerFile } from "../../../src/runner/runner-lock.ts";

describe("runner file", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "runner-file-"));
    path = join(folder, ".runner");
  });

  afterEach(() => rm(folder, { recursive: true }));

  const identity = {
    id: 3,
    uuid: "u-u-i-d",
    name: "one",
    token: "token",
    address: "http://localhost:3000/",
    labels: ["ubuntu-latest:docker://node:22", "pool:e57e"],
    ephemeral: true,
  };

  it("writes Gitea's format and reads it again", async () => {
    await saveRunnerFile(path, { ...identity, ephemeral: false });
    await saveRunnerFile(path, identity);
    expect(await loadRunnerFile(path)).toEqual(identity);
    const text = await readFile(path, "utf8");
    expect(Object.keys(JSON.parse(text))).toEqual([
      "WARNING",
      "id",
      "uuid",
      "name",
      "token",
      "address",
      "labels",
      "ephemeral",
    ]);
    expect(text).toContain('\n  "id": 3,\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual([".runner"]);
  });

  it.each([
    [
      "Forgejo's",
      { WARNING: "x", id: 1, uuid: "a", name: "b", token: "c", address: "d", labels: null },
      { labels: [], ephemeral: false },
    ],
    [
      "an old one of Gitea's",
      { id: 1, uuid: "a", name: "b", token: "c", address: "d", labels: ["x"] },
      { labels: ["x"], ephemeral: false },
    ],
  ])("reads %s", async (_, content, expected) => {
    await writeFile(path, JSON.stringify(content));
    expect(await loadRunnerFile(path)).toMatchObject(expected);
  });

  it("a missing or empty file is none", async () => {
    expect(await loadRunnerFile(path)).toBeUndefined();
    await writeFile(path, "\n");
    expect(await loadRunnerFile(path)).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["no token", '{"uuid":"a","address":"b"}'],
  ])("refuses %s", async (_, text) => {
    await writeFile(path, text);
    await expect(loadRunnerFile(path)).rejects.toThrow(path);
  });

  it("is locked against a second process, not against a dead one", async () => {
    {
      await using _ = await lockRunnerFile(path);
      await expect(lockRunnerFile(path)).rejects.toThrow("already");
    }
    expect(await readdir(folder)).toEqual([]);
    await writeFile(`${path}.lock`, `${process.pid} 1\n`);
    await using _ = await lockRunnerFile(path);
    expect(await readFile(`${path}.lock`, "utf8")).toMatch(new RegExp(`^${process.pid} [0-9]+\n$`));
  });
});
