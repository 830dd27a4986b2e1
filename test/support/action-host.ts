import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Git } from "../../src/drivers/git/git.ts";
import { systemIds } from "../../src/lib/ids.ts";
import {
  type ActionSource,
  type ActionSourceOptions,
  gitActionSource,
} from "../../src/runner/actions/action-source.ts";
import { type GitRepository, gitRepository } from "./git-repository.ts";

const FIXTURES = join(import.meta.dirname, "..", "fixtures", "actions");

/** A folder of git repositories that stands for GitHub: `octo/actions` holds the fixtures. */
export interface ActionHost extends AsyncDisposable {
  /** The work tree of `octo/actions`; commits there are seen at once. */
  readonly actions: GitRepository;
  /** Address of the folder. */
  readonly url: string;
  /** Folder of the bare repositories. */
  readonly root: string;
  /** A source whose cache lies beside the repositories. */
  source(more?: Partial<ActionSourceOptions>): ActionSource;
  /** Makes the repository `octo/<name>` from files. */
  add(name: string, repository: GitRepository): Promise<void>;
}

/** Makes the host. */
export async function actionHost(): Promise<ActionHost> {
  const actions = await gitRepository();
  await cp(FIXTURES, actions.path, { recursive: true });
  await actions.commit({}, "fixtures");
  await actions.git("tag", "-a", "v1", "-m", "v1");
  const root = join(actions.root, "host");
  const add = async (name: string, repository: GitRepository) => {
    await mkdir(join(root, "octo"), { recursive: true });
    await repository.git("clone", "--quiet", "--bare", repository.path, join(root, "octo", name));
  };
  await add("actions", actions);
  return {
    actions,
    url: `file://${root}`,
    root,
    add,
    source: (more) =>
      gitActionSource({
        cacheDir: join(actions.root, "cache"),
        git: new Git({ path: process.env["PATH"] ?? "" }),
        ids: systemIds,
        githubMirror: `file://${root}`,
        ...more,
      }),
    [Symbol.asyncDispose]: () => actions[Symbol.asyncDispose](),
  };
}
