import { mkdir, rm } from "node:fs/promises";
import { type GitCommand, gitCommand, type RemoteAccess } from "./git-command.ts";

/** What a commit's files are fetched with; see `GitCommand`. */
export type ExportWith = Pick<GitCommand, "path" | "network" | "signal"> & { readonly remote: RemoteAccess };

/**
 * Writes the files of one commit, fetched without history, into a folder; `.git` is not among them.
 * @param dir made when missing; a folder `<dir>.git` beside it is used meanwhile
 * @throws AppError not_found, forbidden, unavailable, cancelled
 */
export async function exportCommit(dir: string, sha: string, options: ExportWith): Promise<void> {
  const repository = `${dir}.git`;
  const { remote, ...rest } = options;
  const run = (action: string, args: readonly string[], more: Partial<GitCommand> = {}) =>
    gitCommand({ ...rest, ...more, action, args });
  const inside = [`--git-dir=${repository}`, `--work-tree=${dir}`];
  await mkdir(dir, { recursive: true });
  try {
    await run("making of a repository", ["init", "--quiet", "--bare", "--template=", "--", repository]);
    const fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head", "--", remote.url, sha];
    await run(`fetch of ${remote.url}`, [`--git-dir=${repository}`, ...fetch], { remote });
    await run("reading of a commit", [...inside, "read-tree", sha]);
    await run("writing of files", [...inside, "checkout-index", "--quiet", "--all", "--force"]);
  } finally {
    await rm(repository, { recursive: true, force: true });
  }
}
