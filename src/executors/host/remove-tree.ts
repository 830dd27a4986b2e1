import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { runToEnd } from "../../drivers/process/run-to-end.ts";

/**
 * Removes a folder with everything in it, also where a job left folders that may not be read or written
 * (Go's module cache does), or nested deeper than a path can name. Does not follow symlinks. Not there is fine.
 * @throws Error when something stays: files of another user, an immutable file, a mount
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    await openFolders(path).catch(() => undefined);
    // rm(1) walks by folder handles, so that no path is too long for it
    await runToEnd({ argv: ["rm", "-rf", "--", path], cwd: "/", env: { PATH: "/usr/bin:/bin" } }, { maxBytes: 65_536 });
    await rm(path, { recursive: true, force: true });
  }
}

async function openFolders(path: string): Promise<void> {
  const info = await lstat(path);
  if (!info.isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path)) await openFolders(join(path, name)).catch(() => undefined);
}
