import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A git repository below a root directory that a server may be told about. */
export interface LocalRepository extends AsyncDisposable {
  /** For `--repo-root`; links are resolved. */
  readonly root: string;
  readonly path: string;
  /** The one commit. */
  readonly sha: string;
}

/**
 * Makes a repository of one commit on `main`.
 * @param files path → text
 * @param options `root`: a directory that is there already and that stays. @default one that goes with the repository
 */
export async function makeLocalRepository(
  files: Readonly<Record<string, string>>,
  options: { readonly root?: string } = {},
): Promise<LocalRepository> {
  const root = options.root ?? (await realpath(await mkdtemp(join(tmpdir(), "repositories-"))));
  const path = join(root, "project");
  const git = async (...args: string[]) =>
    await run("git", ["-C", path, "-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" },
    });
  await mkdir(path);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message=first");
  const { stdout } = await git("rev-parse", "HEAD");
  return {
    root,
    path,
    sha: stdout.trim(),
    [Symbol.asyncDispose]: () =>
      rm(options.root === undefined ? root : path, { recursive: true, force: true, maxRetries: 3 }),
  };
}
