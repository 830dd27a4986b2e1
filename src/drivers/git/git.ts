import { AppError } from "../../lib/errors.ts";
import type { ShortResult } from "../process/run-to-end.ts";
import { exportCommit } from "./export-commit.ts";
import { type GitCommand, gitCommand, type RemoteAccess } from "./git-command.ts";
import { isRefName } from "./ref-name.ts";
import { type UploadPack, type UploadPackOptions, uploadPack } from "./upload-pack.ts";

/** A commit's own words. */
export interface CommitInfo {
  readonly sha: string;
  readonly authorName: string;
  readonly authorEmail: string;
  /** Epoch milliseconds. */
  readonly authoredAt: number;
  /** Epoch milliseconds. */
  readonly committedAt: number;
  /** The first line of the message. */
  readonly subject: string;
  readonly message: string;
  readonly parents: readonly string[];
}

/** A file of a commit. */
export interface TreeFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly sizeBytes: number;
  /** `100644`, `100755`, or `120000` for a symlink. */
  readonly mode: string;
}

/** A name of a remote repository and the commit behind it. */
export interface RemoteRef {
  /** `HEAD`, or a full name like `refs/heads/main`. */
  readonly ref: string;
  readonly sha: string;
}

interface Waits {
  readonly signal?: AbortSignal | undefined;
}

const SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
const LIST_BYTES = 64 * 1024 * 1024;

/**
 * The git binary, for bare repositories that no user works in. Nothing of the machine's configuration counts, no hook
 * runs, no credential stands in an argument. Every method throws AppError unavailable, with git's own last line, when
 * git fails for a reason that is not named, and cancelled when the signal aborts.
 */
export class Git {
  readonly #path: string;
  readonly #network: Readonly<Record<string, string>>;

  /**
   * @param options.path PATH, where git (and ssh) are looked up
   * @param options.network variables about the way out, handed on as they are: HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, …
   */
  constructor({ path, network = {} }: { path: string; network?: Readonly<Record<string, string>> | undefined }) {
    this.#path = path;
    this.#network = network;
  }

  /** Makes an empty bare repository; does nothing where there is one already. */
  async initBare(dir: string, waits: Waits = {}): Promise<void> {
    await this.#run(
      "making of the repository",
      ["init", "--quiet", "--bare", "--template=", "--initial-branch=main", "--", dir],
      waits,
    );
  }

  /**
   * Makes `dir` hold the same refs as the remote, and its HEAD the same branch. Commits that the remote forgot stay,
   * since a run may be asked for again. Does not run twice at a time for one `dir`: the caller sees to that.
   * @returns the remote's default branch, undefined for an empty repository
   * @throws AppError forbidden (credential, transport), not_found (no such repository), unavailable
   */
  async fetchMirror(
    dir: string,
    remote: RemoteAccess,
    waits: Waits = {},
  ): Promise<{ defaultBranch: string | undefined }> {
    const url = checkedUrl(remote.url);
    const args = [
      "fetch",
      "--quiet",
      "--prune",
      "--force",
      "--no-tags",
      "--no-write-fetch-head",
      "--",
      url,
      "+refs/*:refs/*",
    ];
    await this.#run(`fetch of ${url}`, ["-C", dir, ...args], { ...waits, remote });
    const head = await this.#run(`look at ${url}`, ["ls-remote", "--symref", "--", url, "HEAD"], { ...waits, remote });
    const defaultBranch = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(text(head))?.[1];
    if (defaultBranch !== undefined) {
      await this.#run("setting of HEAD", ["-C", dir, "symbolic-ref", "HEAD", `refs/heads/${defaultBranch}`], waits);
    }
    return { defaultBranch };
  }

  /** Looks a name up at the remote, in git's order: as it is, as a tag, as a branch. Annotated tags give their commit. */
  async lsRemote(remote: RemoteAccess, ref: string, waits: Waits = {}): Promise<RemoteRef | undefined> {
    const url = checkedUrl(remote.url);
    if (!isRefName(ref)) return undefined;
    const wanted = [ref, `refs/tags/${ref}`, `refs/heads/${ref}`];
    const patterns = wanted.flatMap((name) => [name, `${name}^{}`]);
    const result = await this.#run(`look at ${url}`, ["ls-remote", "--", url, ...patterns], {
      ...waits,
      remote,
      maxBytes: LIST_BYTES,
    });
    const found = new Map(rows(result, "\n").map((row) => row.split("\t").reverse() as [string, string]));
    const name = wanted.find((one) => found.has(one));
    const sha = name === undefined ? undefined : (found.get(`${name}^{}`) ?? found.get(name));
    return name === undefined || sha === undefined ? undefined : { ref: name, sha };
  }

  /** The commit behind a branch, tag, full ref or sha; undefined when there is none. */
  async resolveCommit(dir: string, ref: string, waits: Waits = {}): Promise<string | undefined> {
    if (!isRefName(ref)) return undefined;
    const args = ["-C", dir, "rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`];
    const result = await this.#run(`look-up of ${ref}`, args, { ...waits, accept: [0, 1] });
    const sha = text(result).trim();
    return SHA.test(sha) ? sha : undefined;
  }

  /** Whether a commit is in the repository, reachable or not. */
  async hasCommit(dir: string, sha: string, waits: Waits = {}): Promise<boolean> {
    const found = await this.#run("look-up of a commit", ["-C", dir, "cat-file", "-e", `${checkedSha(sha)}^{commit}`], {
      ...waits,
      accept: [0, 1, 128],
    });
    return found.code === 0;
  }

  /**
   * A file as it is in a commit; undefined when there is no file of this name. A symlink gives its target's path.
   * @throws AppError exhausted when it is larger than `maxBytes`
   */
  async readFileAt(
    dir: string,
    sha: string,
    path: string,
    options: Waits & { maxBytes: number },
  ): Promise<Buffer | undefined> {
    const [file] = await this.#listTree(dir, sha, path, [], options);
    if (file?.path !== path) return undefined;
    if (file.sizeBytes > options.maxBytes) {
      throw new AppError("exhausted", `${path} has ${file.sizeBytes} bytes; at most ${options.maxBytes} are allowed`);
    }
    const args = ["-C", dir, "cat-file", "blob", `${checkedSha(sha)}:${path}`];
    return (await this.#run(`reading of ${path}`, args, options)).stdout;
  }

  /** The files of a folder in a commit, sorted by path; empty when there is no such folder. @param folder "" is the root */
  async listFilesAt(
    dir: string,
    sha: string,
    folder: string,
    options: Waits & { recursive?: boolean } = {},
  ): Promise<TreeFile[]> {
    const inside = folder === "" ? "" : `${folder.replace(/\/+$/, "")}/`;
    return await this.#listTree(dir, sha, inside, options.recursive === true ? ["-r"] : [], options);
  }

  /** @throws AppError not_found when the commit is not in the repository */
  async commitInfo(dir: string, sha: string, waits: Waits = {}): Promise<CommitInfo> {
    const format = ["%H", "%an", "%ae", "%at", "%ct", "%s", "%P", "%B"].join("%x00");
    const args = [
      "-C",
      dir,
      "log",
      "-1",
      "--no-show-signature",
      "--no-color",
      "--encoding=UTF-8",
      `--format=${format}`,
    ];
    const result = await this.#run("look-up of a commit", [...args, checkedSha(sha), "--"], {
      ...waits,
      accept: [0, 128],
    });
    const [found, authorName, authorEmail, authored, committed, subject, parents, message] = text(result).split("\0");
    if (result.code !== 0 || found === undefined || message === undefined) {
      throw new AppError("not_found", `commit ${sha} is not in the repository; push it first`);
    }
    return {
      sha: found,
      authorName: authorName ?? "",
      authorEmail: authorEmail ?? "",
      authoredAt: Number(authored) * 1000,
      committedAt: Number(committed) * 1000,
      subject: subject ?? "",
      message: message.trimEnd(),
      parents: (parents ?? "").split(" ").filter((parent) => parent !== ""),
    };
  }

  /**
   * Writes the files of one commit of a remote repository into a folder; see exportCommit.
   * @throws AppError not_found, forbidden (credential, transport), unavailable
   */
  async exportCommit(dir: string, remote: RemoteAccess, sha: string, waits: Waits = {}): Promise<void> {
    const checked = { ...remote, url: checkedUrl(remote.url) };
    await exportCommit(dir, checkedSha(sha), { ...waits, remote: checked, path: this.#path, network: this.#network });
  }

  /** All refs and the commits (or tag objects) behind them. */
  async listRefs(dir: string, waits: Waits = {}): Promise<Map<string, string>> {
    const args = ["-C", dir, "for-each-ref", "--format=%(objectname) %(refname)"];
    const result = await this.#run("list of refs", args, { ...waits, maxBytes: LIST_BYTES });
    return new Map(rows(result, "\n").map((row) => [row.slice(row.indexOf(" ") + 1), row.slice(0, row.indexOf(" "))]));
  }

  /** The paths that differ between two commits; a moved file counts with both paths. */
  async changedPaths(dir: string, from: string, to: string, waits: Waits = {}): Promise<string[]> {
    const args = [
      "-C",
      dir,
      "diff-tree",
      "-r",
      "-z",
      "--name-only",
      "--no-renames",
      checkedSha(from),
      checkedSha(to),
      "--",
    ];
    return rows(await this.#run("comparison of two commits", args, { ...waits, maxBytes: LIST_BYTES }), "\0");
  }

  /** Files of a work tree that git does not ignore, as paths from there; undefined where it is not the top of one. */
  async listWorkTree(dir: string, waits: Waits = {}): Promise<string[] | undefined> {
    const top = await this.#run("look at a work tree", ["-C", dir, "rev-parse", "--show-cdup"], {
      ...waits,
      accept: [0, 128],
    });
    if (top.code !== 0 || text(top).trim() !== "") return undefined;
    const args = ["-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    return rows(await this.#run("list of a work tree", args, { ...waits, maxBytes: LIST_BYTES }), "\0");
  }

  /** Packs what many fetches left in pieces; loses no commit, reachable or not. */
  async repack(dir: string, waits: Waits = {}): Promise<void> {
    await this.#run("repacking", ["-C", dir, "repack", "-a", "-d", "--keep-unreachable", "--quiet"], waits);
  }

  /** Serves a fetch of somebody else; see uploadPack. */
  uploadPack(dir: string, options: Omit<UploadPackOptions, "path">): UploadPack {
    return uploadPack(dir, { ...options, path: this.#path });
  }

  #run(action: string, args: readonly string[], rest: Partial<GitCommand>): Promise<ShortResult> {
    return gitCommand({ ...rest, action, args, path: this.#path, network: this.#network });
  }

  /** Symlinks and files only; submodules and folders are passed over. */
  async #listTree(dir: string, sha: string, path: string, options: string[], waits: Waits): Promise<TreeFile[]> {
    const args = [
      "-C",
      dir,
      "ls-tree",
      "-z",
      "-l",
      "--full-tree",
      ...options,
      checkedSha(sha),
      "--",
      ...(path === "" ? [] : [path]),
    ];
    const result = await this.#run(`list of ${path}`, args, { signal: waits.signal, maxBytes: LIST_BYTES });
    return rows(result, "\0").flatMap((row) => {
      const [mode = "", type, , size] = row.slice(0, row.indexOf("\t")).split(/ +/);
      return type === "blob" ? [{ path: row.slice(row.indexOf("\t") + 1), sizeBytes: Number(size), mode }] : [];
    });
  }
}

function text(result: ShortResult): string {
  return result.stdout.toString("utf8");
}

function rows(result: ShortResult, end: string): string[] {
  return text(result)
    .split(end)
    .filter((row) => row !== "");
}

function checkedSha(sha: string): string {
  if (SHA.test(sha)) return sha;
  throw new AppError("invalid", `"${sha.slice(0, 80)}" is not a commit id; give all 40 (or 64) lower-case hex digits`);
}

function checkedUrl(url: string): string {
  if (url !== "" && !/^-|^\w+::|[\p{Cc}]/u.test(url)) return url;
  throw new AppError(
    "invalid",
    "the clone URL is empty, or begins with a dash or a helper's name; give https://…, ssh://… or a path",
  );
}
