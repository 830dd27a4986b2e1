import { AppError } from "../../lib/errors.ts";
import { nearestName } from "../../lib/nearest-name.ts";
import type { Repository } from "../domain/account.ts";
import type { Mirrors } from "./mirrors.ts";

/** Folders that are searched for workflows; the first that has any wins, as on Gitea and Forgejo. */
export const WORKFLOW_FOLDERS = [".gitea/workflows", ".forgejo/workflows", ".github/workflows"] as const;

/** Longest path that Linux takes. */
const LONGEST_PATH = 4096;

/** A workflow file at one commit. */
export interface WorkflowFile {
  readonly path: string;
  readonly source: string;
}

/** Paths of the workflow files at a commit, from all folders, in the order of the folders and of the names. */
export async function listWorkflows(
  mirrors: Mirrors,
  repository: Repository,
  sha: string,
  options: { readonly signal?: AbortSignal },
): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of WORKFLOW_FOLDERS) {
    const names = await mirrors.list(repository, sha, folder, options);
    paths.push(...names.filter((path) => /^[^/]+\.ya?ml$/.test(path.slice(folder.length + 1))));
  }
  return paths;
}

/**
 * Finds a workflow by its file name in one of the folders, or by its path.
 * @throws AppError not_found when there is no such file at that commit; invalid when the path leaves the repository
 */
export async function findWorkflow(
  mirrors: Mirrors,
  repository: Repository,
  sha: string,
  wanted: string,
  options: { readonly signal?: AbortSignal },
): Promise<WorkflowFile> {
  if (wanted.length > LONGEST_PATH) throw new AppError("invalid", "the workflow's path is too long to be one");
  const path = wanted.replace(/^\.\//, "");
  if (path === "" || path.startsWith("/") || path.split("/").includes("..") || path.includes("\0")) {
    throw new AppError("invalid", `${wanted} is not a path inside the repository; give it relative to its root`);
  }
  const candidates = path.includes("/") ? [path] : [...WORKFLOW_FOLDERS.map((folder) => `${folder}/${path}`), path];
  for (const candidate of candidates) {
    const source = await mirrors.read(repository, sha, candidate, options);
    if (source !== undefined) return { path: candidate, source };
  }
  const known = await listWorkflows(mirrors, repository, sha, options);
  const names = new Map(known.map((file) => [path.includes("/") ? file : file.slice(file.lastIndexOf("/") + 1), file]));
  const nearest = nearestName(path, names.keys());
  const there = known.length === 0 ? "the commit has no workflows" : `there are ${known.join(", ")}`;
  const hint = nearest === undefined ? there : `did you mean ${nearest}?`;
  const fullName = `${repository.ownerName}/${repository.name}`;
  throw new AppError("not_found", `${fullName} has no workflow ${wanted} at commit ${sha.slice(0, 10)}; ${hint}`);
}
