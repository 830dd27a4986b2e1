import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { JobEnvironment } from "../../executors/executor.ts";
import { patchHostCheck } from "./patch-host-check.ts";

/** How an action comes into a job. */
export interface CopyActionOptions {
  /** Joins path pieces as the job sees them. */
  readonly join: (...pieces: string[]) => string;
  /** Let GitHub's artifact and cache clients accept this server. */
  readonly patch: boolean;
}

/**
 * Copies an action's files into a job, so that what the job does to them stays there. Links to
 * files of the action become copies of them; other links are left out.
 */
export async function copyAction(
  from: string,
  to: string,
  environment: JobEnvironment,
  options: CopyActionOptions,
): Promise<void> {
  const root = await realpath(from);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const real = await realpath(path).catch(() => "");
    const found = real.startsWith(root + sep) ? await stat(real) : undefined;
    if (!found?.isFile()) continue;
    const content = await readFile(real);
    const name = path.slice(root.length + 1).split(sep);
    const patched = options.patch && /\.[cm]?js$/.test(entry.name) ? patchHostCheck(content) : content;
    await environment.writeFile(options.join(to, ...name), patched, { mode: found.mode & 0o111 ? 0o755 : 0o644 });
  }
}
