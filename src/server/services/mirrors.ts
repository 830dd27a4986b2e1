import { mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Git } from "../../drivers/git/git.ts";
import { isRefName } from "../../drivers/git/ref-name.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import type { Store } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { CloneCredentials } from "./clone-credentials.ts";
import { type ClonePolicy, checkAddresses, checkLocalPath, parseCloneUrl } from "./clone-url.ts";

interface Waits {
  readonly signal?: AbortSignal;
}

/** A commit and the ref it stands for. */
export interface ResolvedCommit {
  readonly sha: string;
  /** Full ref, such as `refs/heads/main`. */
  readonly ref: string;
}

/** Where a clone URL leads. */
interface CheckedOrigin {
  readonly url: string;
  readonly protocol: string;
  /** The only addresses that may be fetched from; absent where any may. */
  readonly addresses?: readonly string[];
}

/** What the mirrors need around them. */
export interface MirrorsDeps {
  readonly store: Store;
  readonly git: Git;
  readonly credentials: CloneCredentials;
  readonly policy: ClonePolicy;
  /** Mirrors lie in `<dataDir>/repositories/<id>.git`. */
  readonly dataDir: string;
  /** Addresses of a host's name. */
  readonly lookup: (host: string) => Promise<readonly string[]>;
}

/** Longest workflow file, as GitHub limits it. */
const LONGEST_FILE_BYTES = 1024 * 1024;

/** Facts about commits that are kept, and the longest of them. */
const FACTS = 2_000;
const LONGEST_FACT = 64 * 1024;

/**
 * A bare mirror per repository. It is fetched when a ref is asked for, because the ref may have moved, and when a commit
 * is not there yet. One fetch at a time per repository; calls that come while one waits to begin share it.
 */
export class Mirrors {
  readonly #deps: MirrorsDeps;
  readonly #fetches = new Map<number, { running: Promise<string | undefined>; next?: Promise<string | undefined> }>();

  /** Files, subjects and existence of commits. */
  #facts = new BoundedMap<string, string>(FACTS);
  /** Mirrors that are known to exist. */
  readonly #prepared = new Set<number>();

  constructor(deps: MirrorsDeps) {
    this.#deps = deps;
  }

  /** Directory of the mirror of a repository; it exists after the first fetch. */
  directory(repositoryId: number): string {
    return join(this.#deps.dataDir, "repositories", `${repositoryId}.git`);
  }

  /**
   * The commit of a sha, or of a ref as it is at the origin now.
   * @throws AppError not_found when there is none; invalid for a malformed sha; see `refresh` for the rest
   */
  async resolve(
    repository: Repository,
    wanted: { readonly ref?: string; readonly sha?: string },
    waits: Waits,
  ): Promise<ResolvedCommit> {
    const ref = wanted.ref === undefined || wanted.ref === "" ? repository.defaultBranch : wanted.ref;
    if (!isRefName(ref)) throw noRef(repository, ref);
    const sha = wanted.sha ?? (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref) ? ref : undefined);
    if (sha !== undefined)
      return await this.#resolveSha(repository, sha, ref === sha ? repository.defaultBranch : ref, waits);
    await this.refresh(repository, waits);
    const dir = this.directory(repository.id);
    for (const full of fullRefs(ref)) {
      const found = await this.#deps.git.resolveCommit(dir, full, waits);
      if (found !== undefined) return { sha: found, ref: full };
    }
    throw noRef(repository, ref);
  }

  async #resolveSha(repository: Repository, sha: string, ref: string, waits: Waits): Promise<ResolvedCommit> {
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(sha)) {
      throw new AppError("invalid", `"${sha.slice(0, 80)}" is not a commit; give all 40 lower-case hex digits`);
    }
    if (!(await this.#has(repository, sha, waits))) {
      await this.refresh(repository, waits);
      if (!(await this.#has(repository, sha, waits))) {
        throw new AppError("not_found", `${nameOf(repository)} has no commit ${sha.slice(0, 10)}; push it first`);
      }
    }
    const dir = this.directory(repository.id);
    const refs = fullRefs(ref);
    // The commit is what counts: a full name, and the default branch, are taken as they are.
    if (refs.length === 1 || ref === repository.defaultBranch) return { sha, ref: refs[0] ?? ref };
    for (const full of refs)
      if ((await this.#deps.git.resolveCommit(dir, full, waits)) !== undefined) return { sha, ref: full };
    return { sha, ref: refs[0] ?? ref };
  }

  async #has(repository: Repository, sha: string, waits: Waits): Promise<boolean> {
    await this.#prepare(repository.id, waits);
    const look = async () =>
      (await this.#deps.git.hasCommit(this.directory(repository.id), sha, waits)) ? "yes" : undefined;
    return (await this.#remembered(`${repository.id}:${sha}:has`, look)) !== undefined;
  }

  /** What a commit holds never changes, so it is asked of git once. */
  async #remembered(key: string, look: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#facts.get(key);
    if (known !== undefined) return known;
    const found = await look();
    if (found !== undefined && found.length <= LONGEST_FACT) this.#facts.set(key, found);
    return found;
  }

  /** Text of a file at a commit, or undefined when there is none. @throws AppError invalid beyond 1 MiB */
  async read(repository: Repository, sha: string, path: string, waits: Waits): Promise<string | undefined> {
    return await this.#remembered(`${repository.id}:${sha}:file:${path}`, async () => {
      const options = { ...waits, maxBytes: LONGEST_FILE_BYTES };
      try {
        const bytes = await this.#deps.git.readFileAt(this.directory(repository.id), sha, path, options);
        return bytes?.toString("utf8");
      } catch (error) {
        if (toAppError(error).code !== "exhausted") throw error;
        throw new AppError("invalid", `${path} is larger than 1 MiB; shorten it`, error);
      }
    });
  }

  /** Paths of the files in a folder at a commit, sorted; empty when there is no such folder. */
  async list(repository: Repository, sha: string, folder: string, waits: Waits): Promise<readonly string[]> {
    const files = await this.#deps.git.listFilesAt(this.directory(repository.id), sha, folder, waits);
    return files.map((file) => file.path);
  }

  /** First line of a commit's message. */
  async subject(repository: Repository, sha: string, waits: Waits): Promise<string> {
    const look = async () => (await this.#deps.git.commitInfo(this.directory(repository.id), sha, waits)).subject;
    return (await this.#remembered(`${repository.id}:${sha}:subject`, look)) ?? "";
  }

  /**
   * Fetches from the origin. Aborting gives up waiting; a fetch that others share goes on. Returns the origin's
   * default branch, where it has one.
   * @throws AppError invalid when the origin is not allowed or refuses; unavailable when it cannot be reached
   */
  async refresh(repository: Repository, waits: Waits): Promise<string | undefined> {
    const entry = this.#fetches.get(repository.id);
    if (entry === undefined) return await waitFor(this.#begin(repository), waits);
    // The one that runs may have looked at the refs before the caller's push: only one that begins later will do.
    entry.next ??= entry.running.then(
      () => this.#begin(repository),
      () => this.#begin(repository),
    );
    return await waitFor(entry.next, waits);
  }

  #begin(repository: Repository): Promise<string | undefined> {
    const entry = { running: this.#fetch(repository) };
    this.#fetches.set(repository.id, entry);
    const done = () => {
      if (this.#fetches.get(repository.id) === entry) this.#fetches.delete(repository.id);
    };
    entry.running.then(done, done);
    return entry.running;
  }

  async #fetch(repository: Repository): Promise<string | undefined> {
    const { git, credentials, store } = this.#deps;
    const origin = await this.checkOrigin(repository.cloneUrl, true);
    const sealed = await store.read.repositories.credential(repository.id);
    const credential = sealed === null ? undefined : credentials.open(sealed, repository);
    await this.#prepare(repository.id, {});
    try {
      const { defaultBranch } = await git.fetchMirror(this.directory(repository.id), {
        url: origin.url,
        allowProtocols: [origin.protocol],
        addresses: origin.addresses,
        ...(credential === undefined ? {} : { credential }),
      });
      return defaultBranch;
    } catch (error) {
      throw originError(repository, error);
    }
  }

  /** Whether the mirror holds anything. */
  async isFetched(repositoryId: number, waits: Waits): Promise<boolean> {
    await this.#prepare(repositoryId, waits);
    return (await this.#deps.git.listRefs(this.directory(repositoryId), waits)).size > 0;
  }

  async #prepare(repositoryId: number, waits: Waits): Promise<void> {
    if (this.#prepared.has(repositoryId)) return;
    await mkdir(join(this.#deps.dataDir, "repositories"), { recursive: true, mode: 0o700 });
    await this.#deps.git.initBare(this.directory(repositoryId), waits);
    this.#prepared.add(repositoryId);
  }

  /**
   * Checks where a clone URL leads: the addresses of its host, or the real place of a local path. Done anew before
   * each fetch, because names and symbolic links change.
   * @returns with the addresses that were judged, where they were: a second look-up could give others
   * @throws AppError invalid or forbidden, with the reason
   */
  async checkOrigin(cloneUrl: string, admin: boolean): Promise<CheckedOrigin> {
    const { policy, lookup } = this.#deps;
    const source = parseCloneUrl(cloneUrl, policy);
    if (source.kind === "local") {
      const real = admin && policy.repoRoot !== null ? await realPath(source.path) : source.path;
      checkLocalPath(source.path, real, admin, policy);
      return { url: real, protocol: "file" };
    }
    if (policy.allowPrivateAddresses) return { url: source.url, protocol: source.kind };
    const addresses = await lookup(source.host).catch(() => []);
    checkAddresses(source.host, addresses, policy);
    return { url: source.url, protocol: source.kind, addresses };
  }

  /** Removes the mirror, after the fetch that may still run. */
  async remove(repositoryId: number): Promise<void> {
    await this.#fetches.get(repositoryId)?.running.catch(() => {});
    this.#prepared.delete(repositoryId);
    // The id may be given again: nothing of the old repository may be found under it.
    this.#facts = new BoundedMap(FACTS);
    await rm(this.directory(repositoryId), { recursive: true, force: true });
  }
}

/** Full refs that a name may stand for, the likeliest first. */
function fullRefs(ref: string): string[] {
  return ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
}

function nameOf(repository: Repository): string {
  return `${repository.ownerName}/${repository.name}`;
}

function noRef(repository: Repository, ref: string): AppError {
  return new AppError("not_found", `${nameOf(repository)} has no branch or tag ${ref.slice(0, 255)}; push it first`);
}

async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw new AppError("invalid", `there is no ${path} on the server; correct the clone URL`, error);
  }
}

async function waitFor<T>(work: Promise<T>, { signal }: Waits): Promise<T> {
  if (signal === undefined) return await work;
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What the origin refuses is not a refusal of this server's own: the caller's rights and names are in order. */
function originError(repository: Repository, thrown: unknown): AppError {
  const error = toAppError(thrown);
  if (error.code !== "forbidden" && error.code !== "not_found") return error;
  return new AppError("invalid", `${nameOf(repository)} cannot be fetched: ${error.message}`, error);
}
