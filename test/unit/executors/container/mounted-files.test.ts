import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MountedFiles } from "../../../../src/executors/container/mounted-files.ts";

describe.skipIf(process.platform !== "linux")("MountedFiles", () => {
  let folder: string;
  let work: string;
  let files: MountedFiles;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "mounted-"));
    work = join(folder, "work");
    await mkdir(work);
    files = new MountedFiles([{ source: work, target: "/__w" }]);
  });

  afterEach(() => rm(folder, { recursive: true }));

  const read = async (path: string) => (await files.read(path, 1000))?.toString();

  it("reads and writes by the container's paths, also when called at once", async () => {
    await Promise.all(["a", "b"].map((name) => files.write(`/__w/deep/er/${name}`, name, 0o600)));
    expect([await read("/__w/deep/er/a"), await readFile(join(work, "deep/er/b"), "utf8")]).toEqual(["a", "b"]);
  });

  it("follows links as the container would", async () => {
    await files.write("/__w/real/file", "x");
    await symlink("/__w/real", join(work, "absolute"));
    await symlink("../real/file", join(work, "real", "relative"));
    await symlink("absolute/relative", join(work, "chain"));
    for (const path of ["/__w/absolute/file", "/__w/real/relative", "/__w/chain"]) expect(await read(path)).toBe("x");
    await files.write("/__w/chain", "y");
    expect(await read("/__w/real/file")).toBe("y");
  });

  it("never leaves the mount", async () => {
    await writeFile(join(folder, "secret"), "of the host");
    await symlink(folder, join(work, "host"));
    await symlink("../..", join(work, "up"));
    await symlink("/etc", join(work, "etc"));
    for (const path of ["/__w/host/secret", "/__w/up/secret", "/__w/etc/passwd", "/etc/passwd", "/__w/../secret"]) {
      await expect(read(path), path).rejects.toMatchObject({ code: "invalid" });
      await expect(files.write(path, "x"), path).rejects.toMatchObject({ code: "invalid" });
    }
    expect(await readFile(join(folder, "secret"), "utf8")).toBe("of the host");
  });

  it("links in a circle are refused, missing ones are missing", async () => {
    await symlink("b", join(work, "a"));
    await symlink("a", join(work, "b"));
    await symlink("/__w/none", join(work, "dangling"));
    await expect(read("/__w/a")).rejects.toMatchObject({ code: "invalid" });
    expect(await read("/__w/dangling")).toBeUndefined();
    await files.write("/__w/file", "x");
    expect(await read("/__w/file/below")).toBeUndefined();
    await expect(read("/__w")).rejects.toMatchObject({ code: "invalid" });
  });
});
