import { runToEnd } from "../drivers/process/run-to-end.ts";
import { AppError } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";

/** What the commands want to know of a git work tree. */
export interface WorkTree {
  /** Absolute path of its top directory, links resolved. */
  readonly root: string;
  /** Commit of HEAD. */
  readonly sha: string;
  /** Full ref of the current branch; undefined where HEAD is detached. */
  readonly ref?: string;
  /** Address of the remote `origin` without a credential, if there is one. */
  readonly remote?: string;
}

/** The work tree around a directory; undefined where there is none. Throws `invalid` where it has no commit yet. */
export async function findWorkTree(directory: string, context: Pick<CliContext, "env">): Promise<WorkTree | undefined> {
  const root = await git(["rev-parse", "--show-toplevel"], directory, context);
  if (root === undefined) return undefined;
  const sha = await git(["rev-parse", "--verify", "HEAD^{commit}"], root, context);
  if (sha === undefined)
    throw new AppError("invalid", `the repository in ${root} has no commit: commit the workflow first`);
  const ref = await git(["symbolic-ref", "--quiet", "HEAD"], root, context);
  const remote = await git(["remote", "get-url", "origin"], root, context);
  return {
    root,
    sha,
    ...(ref === undefined ? {} : { ref }),
    ...(remote === undefined ? {} : { remote: withoutCredential(remote) }),
  };
}

/** Number of files that differ from HEAD, untracked ones included. */
export async function countChanges(tree: WorkTree, context: Pick<CliContext, "env">): Promise<number> {
  const status = await git(["status", "--porcelain"], tree.root, context);
  return status === undefined || status === "" ? 0 : status.split("\n").length;
}

/** A remote's address without user and password, where it is a URL. */
export function withoutCredential(remote: string): string {
  const url = URL.parse(remote);
  if (url === null || !/^https?:$/.test(url.protocol)) return remote;
  url.username = "";
  url.password = "";
  return url.href;
}

/** Output of a git command without the last line end; undefined where git fails. */
async function git(
  args: readonly string[],
  cwd: string,
  { env }: Pick<CliContext, "env">,
): Promise<string | undefined> {
  const environment = Object.fromEntries(
    Object.entries({ ...env, LC_ALL: "C" }).filter((pair) => pair[1] !== undefined),
  );
  try {
    const result = await runToEnd(
      { argv: ["git", ...args], cwd, env: environment as Record<string, string> },
      { maxBytes: 16 * 1024 * 1024 },
    );
    if (result.stderr.includes("dubious ownership")) {
      throw new AppError(
        "forbidden",
        `git does not trust ${cwd}, which belongs to another user: git config --global --add safe.directory ${cwd}`,
      );
    }
    return result.code === 0 ? result.stdout.toString("utf8").replace(/\n$/, "") : undefined;
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}
