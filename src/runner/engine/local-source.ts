import { cp, lstat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, errorText } from "../../lib/errors.ts";
import type { LocalSource } from "./job-request.ts";
import type { JobRun } from "./job-run.ts";

/**
 * Fills the workspace with the files of a folder: in a git work tree what git does not ignore, with `.git` itself; else
 * everything. No step has run yet, so that nothing of the job is in the way.
 * @throws AppError unavailable when that fails, cancelled
 */
export async function copyLocalSource({ parts }: JobRun, { directory, git }: LocalSource): Promise<void> {
  const { environment, control } = parts;
  const target = environment.hostWorkspace ?? environment.paths.workspace;
  const signal = control.stopping;
  const copy = async (path: string) => {
    if (signal.aborted) throw new AppError("cancelled", "the copy of the local folder was stopped");
    await cp(join(directory, path), join(target, path), {
      ...{ recursive: true, verbatimSymlinks: true, preserveTimestamps: true },
    });
  };
  try {
    const files = (await isFolder(join(directory, ".git"))) ? await git.listWorkTree(directory, { signal }) : undefined;
    if (files === undefined) return await copy(".");
    await copy(".git");
    for (const file of files) if (await exists(join(directory, file))) await copy(file);
  } catch (error) {
    if (error instanceof AppError && error.code === "cancelled") throw error;
    const why = errorText(error);
    throw new AppError(
      "unavailable",
      `the files of ${directory} could not be copied into the workspace: ${why}`,
      error,
    );
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() ?? false;
}

/** A file that git knows may have been deleted. */
async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
