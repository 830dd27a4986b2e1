import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A real git repository in a directory of its own. Disposing removes it. */
export interface GitRepository extends AsyncDisposable {
  /** Real path of the work tree. */
  readonly path: string;
  /** Directory above, to be given as --repo-root. */
  readonly root: string;
  /** Writes files, commits all of them and returns the commit's sha. */
  commit(files: Readonly<Record<string, string>>, message?: string): Promise<string>;
  /** Runs git in the work tree and returns what it printed. */
  git(...args: string[]): Promise<string>;
}

/** Makes a repository with the branch `main` and, where files are given, a first commit. */
export async function gitRepository(files?: Readonly<Record<string, string>>): Promise<GitRepository> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "git-repository-")));
  const path = join(root, "work");
  await mkdir(path);
  const git = async (...args: string[]) => {
    const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    const { stdout } = await run("git", [...identity, ...args], { cwd: path });
    return stdout.trim();
  };
  await git("init", "--quiet", "--initial-branch=main");
  const repository: GitRepository = {
    path,
    root,
    git,
    async commit(changes, message = "change") {
      for (const [name, text] of Object.entries(changes)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), text);
      }
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "-m", message);
      return await git("rev-parse", "HEAD");
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
  if (files !== undefined) await repository.commit(files, "first commit");
  return repository;
}
