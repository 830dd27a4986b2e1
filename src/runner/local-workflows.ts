import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../lib/errors.ts";

/** A workflow file of this machine. */
export interface LocalWorkflowFile {
  readonly path: string;
  readonly source: string;
}

const DEFAULT_FOLDERS = [".gitea/workflows", ".forgejo/workflows", ".github/workflows"];

/**
 * Reads the workflow files of a directory.
 * @param path a file, or a folder of `.yml` and `.yaml` files, absolute or below `directory`; by default the first of
 * `.gitea/workflows`, `.forgejo/workflows` and `.github/workflows` that is there
 * @throws AppError not_found when there is none
 */
export async function readLocalWorkflows(directory: string, path?: string): Promise<LocalWorkflowFile[]> {
  for (const candidate of path === undefined ? DEFAULT_FOLDERS : [path]) {
    const full = candidate.startsWith("/") ? candidate : join(directory, candidate);
    const found = await stat(full).catch(() => undefined);
    if (found === undefined) continue;
    const names = found.isDirectory()
      ? (await readdir(full)).filter((name) => /\.ya?ml$/.test(name)).sort()
      : undefined;
    const paths = names === undefined ? [full] : names.map((name) => join(full, name));
    if (paths.length > 0)
      return Promise.all(paths.map(async (file) => ({ path: file, source: await readFile(file, "utf8") })));
  }
  throw new AppError(
    "not_found",
    `there are no workflow files in ${path ?? DEFAULT_FOLDERS.join(", ")} of ${directory}: name a file or folder`,
  );
}
