import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lendNode } from "../../../../src/executors/container/lent-node.ts";

// Where the work root is on another file system, the program is copied, which takes its time.
it.each([tmpdir(), "/dev/shm"])(
  "jobs that start together are all lent a whole program, work root in %s",
  async (root) => {
    await using stack = new AsyncDisposableStack();
    const folder = async (parent: string) => {
      const made = await mkdtemp(join(parent, "lent-node-"));
      stack.defer(() => rm(made, { recursive: true, force: true }));
      return made;
    };
    const program = join(await folder(tmpdir()), "node");
    const bytes = Buffer.alloc(20_000_000, "node");
    await writeFile(program, bytes);
    const workRoot = await folder(root);
    const mounts = await Promise.all(Array.from({ length: 4 }, () => lendNode(program, workRoot)));
    expect(new Set(mounts.map(({ source }) => source)).size).toBe(1);
    expect((await readFile(mounts[0]?.source ?? "")).equals(bytes)).toBe(true);
    expect(await readdir(join(workRoot, ".node"))).toHaveLength(1);
  },
);
