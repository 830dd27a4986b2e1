import { AppError } from "../../lib/errors.ts";
import { credentialConfig, type GitCredential, remoteConfig } from "./git-credential.ts";
import { gitEnvironment } from "./git-environment.ts";

/** What to check out, and how. The names are those of actions/checkout's inputs. */
export interface CheckoutOptions {
  /** PATH of the place where git runs. */
  readonly path: string;
  readonly url: string;
  /** A basic credential; goes to this host only, also for its submodules. */
  readonly credential?: GitCredential | undefined;
  /** Take any TLS certificate of the URL's host. @default false */
  readonly insecure?: boolean | undefined;
  /** Transports that may be used, also by submodules. @default https, http, ssh */
  readonly allowProtocols?: readonly string[] | undefined;
  /** The work tree, absolute; made when missing. */
  readonly dir: string;
  /** The commit. Without it, the newest of `ref`. */
  readonly sha?: string | undefined;
  /** `refs/heads/…`, `refs/tags/…`, `refs/pull/…`. @default the remote's default branch */
  readonly ref?: string | undefined;
  /** Number of commits to fetch; 0 is all, of all branches and tags. @default 1 */
  readonly fetchDepth?: number | undefined;
  /** Fetch all tags too. @default false */
  readonly fetchTags?: boolean | undefined;
  /** `--filter`, as in `blob:none`. */
  readonly filter?: string | undefined;
  /** @default false */
  readonly submodules?: boolean | "recursive" | undefined;
  /** @default false */
  readonly lfs?: boolean | undefined;
  /** Folders (or patterns, without cone mode) to check out; empty is all. */
  readonly sparse?: readonly string[] | undefined;
  /** @default true */
  readonly sparseConeMode?: boolean | undefined;
  /** Throw away what is in `dir` but not in the commit. @default true */
  readonly clean?: boolean | undefined;
  /**
   * A path outside of the work tree. The credential is written there, and the repository's configuration points to
   * it, so that later steps can use git; whoever asked for it removes the file at the end of the job.
   */
  readonly credentialFile?: string | undefined;
}

/** One thing to do. */
export type CheckoutAction =
  | { readonly kind: "git"; readonly argv: readonly [string, ...string[]]; readonly mayFail: boolean }
  | { readonly kind: "file"; readonly path: string; readonly content: string; readonly mode: number };

/** All that has to be done, and the environment that git needs for it; the environment holds the credential. */
export interface CheckoutPlan {
  readonly env: Readonly<Record<string, string>>;
  readonly actions: readonly CheckoutAction[];
}

/**
 * Plans a checkout, as a list that any place can work off: this machine, or a container that has git.
 * Mirrors actions/checkout v4: src/git-source-provider.ts and src/ref-helper.ts.
 * @throws AppError invalid
 */
export function checkoutPlan(options: CheckoutOptions): CheckoutPlan {
  check(options);
  const { dir, url, allowProtocols = ["https", "http", "ssh"] } = options;
  const git = (...args: string[]): CheckoutAction => ({
    kind: "git",
    argv: ["git", "-C", dir, ...args],
    mayFail: false,
  });
  const attempt = (...args: string[]): CheckoutAction => ({
    kind: "git",
    argv: ["git", "-C", dir, ...args],
    mayFail: true,
  });
  const target = targetOf(options);
  return {
    env: gitEnvironment({
      path: options.path,
      allowProtocols,
      followRedirects: true,
      config: [["safe.directory", "*"], ...remoteConfig(options)],
    }),
    actions: [
      { kind: "git", argv: ["git", "init", "--quiet", "--initial-branch=main", "--", dir], mayFail: false },
      attempt("remote", "remove", "origin"),
      git("remote", "add", "origin", url),
      ...persistence(options, git, attempt),
      git(
        "fetch",
        "--quiet",
        "--prune",
        "--no-recurse-submodules",
        ...fetchArgs(options),
        "origin",
        ...target.refspecs,
      ),
      ...(options.clean === false ? [] : [attempt("clean", "-ffdxq"), attempt("reset", "--quiet", "--hard", "HEAD")]),
      ...(options.lfs === true
        ? [git("lfs", "install", "--local", "--skip-repo"), git("lfs", "fetch", "origin", target.commit)]
        : []),
      ...sparseActions(options, git, attempt),
      git("-c", "advice.detachedHead=false", "checkout", "--quiet", "--force", ...target.checkout),
      ...submoduleActions(options, git),
    ],
  };
}

type Make = (...args: string[]) => CheckoutAction;

function check({ url, dir, sha, ref, credentialFile }: CheckoutOptions): void {
  if (url === "" || url.startsWith("-"))
    throw new AppError("invalid", "the repository's URL is empty or begins with a dash");
  if (!dir.startsWith("/")) throw new AppError("invalid", `the folder ${dir} for the checkout is not an absolute path`);
  if (sha !== undefined && !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(sha)) {
    throw new AppError("invalid", `"${sha.slice(0, 80)}" is not a commit id; give all 40 (or 64) hex digits, or a ref`);
  }
  if (ref !== undefined && !/^refs\/[^\s:^~?*[\\]+$/.test(ref)) {
    throw new AppError(
      "invalid",
      `"${ref.slice(0, 80)}" is not a full ref; give refs/heads/…, refs/tags/… or refs/pull/…`,
    );
  }
  if (credentialFile?.startsWith(`${dir}/`)) {
    throw new AppError(
      "invalid",
      "the file for the credential lies in the work tree, where an artifact upload would take it along",
    );
  }
}

interface Target {
  readonly refspecs: readonly string[];
  /** Arguments of git checkout. */
  readonly checkout: readonly string[];
  /** What git lfs fetches. */
  readonly commit: string;
}

function targetOf(options: CheckoutOptions): Target {
  const { sha, ref, fetchDepth = 1 } = options;
  const all = fetchDepth === 0 ? ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"] : [];
  if (ref === undefined) {
    const source = sha ?? "HEAD";
    const local = "refs/remotes/origin/checkout-head";
    return { refspecs: [...all, `+${source}:${local}`], checkout: ["--detach", local], commit: local };
  }
  const local = localRef(ref);
  // An all-branches fetch already writes this ref; git refuses two sources for one ref, so the branch is set by the checkout.
  const covered = all.length > 0 && /^refs\/(heads|tags)\//.test(ref);
  const refspecs = covered ? [...all, ...(sha === undefined ? [] : [sha])] : [...all, `+${sha ?? ref}:${local}`];
  const commit = covered && sha !== undefined ? sha : local;
  if (!ref.startsWith("refs/heads/")) return { refspecs, checkout: ["--detach", commit], commit };
  return { refspecs, checkout: ["-B", ref.slice("refs/heads/".length), commit], commit };
}

function localRef(ref: string): string {
  if (ref.startsWith("refs/heads/")) return `refs/remotes/origin/${ref.slice("refs/heads/".length)}`;
  if (ref.startsWith("refs/pull/")) return `refs/remotes/pull/${ref.slice("refs/pull/".length)}`;
  return ref;
}

function fetchArgs({ fetchDepth = 1, fetchTags = false, filter }: CheckoutOptions): string[] {
  return [
    fetchTags ? "--tags" : "--no-tags",
    ...(fetchDepth > 0 ? [`--depth=${fetchDepth}`] : []),
    ...(filter === undefined ? [] : [`--filter=${filter}`]),
  ];
}

function persistence({ url, credential, credentialFile }: CheckoutOptions, git: Make, attempt: Make): CheckoutAction[] {
  const unset = attempt("config", "--local", "--unset-all", "include.path");
  const [entry] = credentialConfig(url, credential);
  if (credentialFile === undefined || entry === undefined) return [unset];
  const [key, value] = entry;
  const subsection = key.slice("http.".length, key.lastIndexOf("."));
  const content = `[http "${subsection}"]\n\textraheader = "${value}"\n`;
  return [
    { kind: "file", path: credentialFile, content, mode: 0o600 },
    unset,
    git("config", "--local", "--add", "include.path", credentialFile),
  ];
}

function sparseActions(
  { sparse = [], sparseConeMode = true }: CheckoutOptions,
  git: Make,
  attempt: Make,
): CheckoutAction[] {
  if (sparse.length === 0) return [attempt("sparse-checkout", "disable")];
  return [git("sparse-checkout", "set", sparseConeMode ? "--cone" : "--no-cone", "--end-of-options", ...sparse)];
}

function submoduleActions({ submodules = false, fetchDepth = 1 }: CheckoutOptions, git: Make): CheckoutAction[] {
  if (submodules === false) return [];
  const recursive = submodules === "recursive" ? ["--recursive"] : [];
  const depth = fetchDepth > 0 ? [`--depth=${fetchDepth}`] : [];
  return [
    git("submodule", "--quiet", "sync", ...recursive),
    git("submodule", "--quiet", "update", "--init", "--force", ...depth, ...recursive),
  ];
}
