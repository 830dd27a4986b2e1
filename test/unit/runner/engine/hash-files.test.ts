import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashFiles } from "../../../../src/runner/engine/hash-files.ts";

describe("hashFiles", () => {
  let root: string;
  let outside: string;

  beforeEach(async () => {
    outside = await mkdtemp(join(tmpdir(), "hash-"));
    root = join(outside, "workspace");
    await mkdir(join(root, "sub", ".hidden"), { recursive: true });
    await writeFile(join(root, "a.lock"), "a");
    await writeFile(join(root, "sub", "b.lock"), "b");
    await writeFile(join(root, "sub", ".hidden", "c.lock"), "c");
    await writeFile(join(outside, "d.lock"), "d");
    await symlink(join(outside), join(root, "link"));
  });

  afterEach(() => rm(outside, { recursive: true }));

  const sha = (...contents: string[]) => {
    const total = createHash("sha256");
    for (const content of contents) total.update(createHash("sha256").update(content).digest());
    return total.digest("hex");
  };

  const signal = new AbortController().signal;

  it.each([
    ["one file", ["a.lock"], ["a"]],
    ["a pattern, hidden folders included", ["**/*.lock"], ["a", "c", "b"]],
    ["several patterns", ["a.lock", "sub/b.lock"], ["a", "b"]],
    ["an exclusion", ["**/*.lock", "!sub/**"], ["a"]],
    ["nothing outside", ["../d.lock", "a.lock"], ["a"]],
    ["no folder", ["sub"], ["c", "b"]],
  ])("%s", async (_, patterns, contents) => {
    expect(await hashFiles(root, patterns, { signal })).toBe(sha(...contents));
  });

  it("nothing found is the empty text", async () => {
    expect(await hashFiles(root, ["none"], { signal })).toBe("");
  });

  it("can be stopped", async () => {
    await expect(hashFiles(root, ["**"], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "timeout" });
  });
});
