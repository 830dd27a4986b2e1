import { randomUUID } from "node:crypto";
import { copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { FolderMount } from "./build-container.ts";

/** Where a job's container finds the runner's own Node; GitHub's runner has its externals there. */
export const LENT_NODE = "/__e/node24/bin/node";

/**
 * Puts a Node beside the jobs' folders, where the engine sees it even if the runner is in a container itself, and returns
 * the mount that lends it to a job. @param node path of the program @throws AppError unavailable
 */
export async function lendNode(node: string, workRoot: string): Promise<FolderMount> {
  const folder = join(workRoot, ".node");
  try {
    const { size, mtimeMs } = await stat(node);
    // another version has another name, so that jobs which run go on with theirs
    const source = join(folder, `node-${size}-${Math.trunc(mtimeMs)}`);
    if ((await stat(source).catch(() => undefined)) === undefined) {
      await mkdir(folder, { recursive: true });
      // jobs that start side by side each make their own
      const made = `${source}.${randomUUID()}`;
      await link(node, made).catch(() => copyFile(node, made));
      await rename(made, source);
      // rename leaves both names where they are the same file already
      await rm(made, { force: true });
    }
    return { source, target: LENT_NODE, readOnly: true };
  } catch (error) {
    throw new AppError("unavailable", `${node} cannot be lent to jobs in containers; check the disk`, error);
  }
}
