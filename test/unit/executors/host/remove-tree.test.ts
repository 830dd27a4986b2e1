import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeTree } from "../../../../src/executors/host/remove-tree.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "act-runner-remove-"));
  await chmod(folder, 0o777);
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const isRoot = process.getuid?.() === 0;

/** Runs a program as somebody who has to obey modes. */
async function asNobody(argv: [string, ...string[]]): Promise<number | null> {
  const user = isRoot ? { uid: 65534, gid: 65534 } : {};
  const child = spawn(argv[0], argv.slice(1), { stdio: "ignore", cwd: "/", ...user });
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}

describe("removeTree", () => {
  it("takes a folder that is not there for done", async () => {
    await removeTree(join(folder, "none"));
  });

  it("does not follow symlinks", async () => {
    await mkdir(join(folder, "tree"));
    await mkdir(join(folder, "kept"));
    await writeFile(join(folder, "kept/file"), "");
    await symlink(join(folder, "kept"), join(folder, "tree/link"));
    await removeTree(join(folder, "tree"));
    await access(join(folder, "kept/file"));
    await expect(lstat(join(folder, "tree"))).rejects.toThrow("ENOENT");
  });

  it("removes folders deeper than a path can name", async () => {
    const tree = join(folder, "tree");
    const script =
      'mkdir "$0"; cd "$0"; i=0; while [ $i -lt 60 ]; do d=$(printf "%0100d" $i); mkdir $d && cd $d; i=$((i+1)); done; echo x > file';
    expect(await asNobody(["sh", "-c", script, tree])).toBe(0);
    await removeTree(tree);
    await expect(lstat(tree)).rejects.toThrow("ENOENT");
  });

  it("removes, as a plain user, folders that may not be read or written", async () => {
    const tree = join(folder, "tree");
    const script =
      'mkdir -p "$0/a/b" "$0/c/d" && touch "$0/a/b/f" "$0/c/d/f" && chmod 000 "$0/a" && chmod -R a-w "$0/c" && chmod 000 "$0"';
    expect(await asNobody(["sh", "-c", script, tree])).toBe(0);
    const module = join(import.meta.dirname, "../../../../src/executors/host/remove-tree.ts");
    const program = `await (await import(${JSON.stringify(module)})).removeTree(${JSON.stringify(tree)})`;
    expect(await asNobody([process.execPath, "--input-type=module", "-e", program])).toBe(0);
    await expect(lstat(tree)).rejects.toThrow("ENOENT");
  });
});
