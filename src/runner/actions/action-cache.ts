import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Git } from "../../drivers/git/git.ts";
import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import { Mutex } from "../../lib/mutex.ts";
import { writeFileAtomic } from "../../lib/write-file-atomic.ts";
import type { ActionOrigin } from "./action-origin.ts";

/** What the cache is made with. */
export interface ActionCacheOptions {
  /** Folder for the files of actions; made when missing. */
  readonly root: string;
  readonly git: Git;
  readonly ids: Ids;
  readonly clock: Clock;
  /** Ask no host about a ref that was seen before. @default false */
  readonly offline?: boolean;
}

/** A ref's commit. `remembered`: the host was not asked, or is away. */
export interface ResolvedRef {
  readonly sha: string;
  readonly remembered: boolean;
}

const DAY_MS = 86_400_000;
/** A commit that no job has asked for in so long goes. */
const KEPT_MS = 30 * DAY_MS;
const SHA = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/**
 * Files of actions by commit, for all jobs of this machine. A commit's folder appears complete or not at all, so that
 * several runners may share it; nothing that is there is fetched again, and with it a job needs no host.
 */
export class ActionCache {
  readonly #options: ActionCacheOptions;
  readonly #locks = new Map<string, Mutex>();
  #swept = Number.NEGATIVE_INFINITY;

  constructor(options: ActionCacheOptions) {
    this.#options = options;
  }

  /**
   * The commit behind a ref. A host that is away is answered for by what was seen last.
   * @throws AppError not_found, forbidden, unavailable, cancelled
   */
  async resolve(origin: ActionOrigin, ref: string, { signal }: { signal: AbortSignal }): Promise<ResolvedRef> {
    if (SHA.test(ref)) return { sha: ref.toLowerCase(), remembered: true };
    const { git, offline = false } = this.#options;
    const note = join(this.#folder(origin), "refs", createHash("sha256").update(ref).digest("hex"));
    if (offline) {
      const sha = await readNote(note);
      if (sha !== undefined) return { sha, remembered: true };
    }
    try {
      const found = await git.lsRemote(origin, ref, { signal });
      if (found === undefined) {
        throw new AppError("not_found", `${origin.url} has neither a tag nor a branch '${ref}': correct the ref`);
      }
      await this.#locked(note, async () => {
        await mkdir(join(note, ".."), { recursive: true, mode: 0o700 });
        await writeFileAtomic(note, `${found.sha}\n`);
      });
      return { sha: found.sha, remembered: false };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "unavailable") throw error;
      const sha = await readNote(note);
      if (sha === undefined) throw error;
      return { sha, remembered: true };
    }
  }

  /** The folder with the files of a commit; fetched when it is not there. @throws AppError as `resolve` */
  async folder(origin: ActionOrigin, sha: string, { signal }: { signal: AbortSignal }): Promise<string> {
    const target = join(this.#folder(origin), sha);
    return await this.#locked(target, async () => {
      const { git, ids } = this.#options;
      if (await isFolder(target)) {
        await this.#touch(target);
        return target;
      }
      const temporary = join(this.#folder(origin), `.${sha}-${ids.uuid()}`);
      await mkdir(temporary, { recursive: true, mode: 0o700 });
      try {
        await git.exportCommit(join(temporary, "files"), origin, sha, { signal });
        await this.#touch(join(temporary, "files")); // what unpacks them sets the commit's own time
        await rename(join(temporary, "files"), target).catch(async (error: unknown) => {
          // another runner of this machine was faster
          if (!(await isFolder(target))) throw new AppError("unavailable", `${target} could not be made`, error);
        });
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
      return target;
    });
  }

  /**
   * Removes the commits that no job has asked for in a long time; at most once a day, so that it costs nothing to call.
   * A job that uses one keeps it by having asked for it. What cannot be removed stays.
   */
  async sweep(): Promise<void> {
    const now = this.#options.clock.now();
    if (now - this.#swept < DAY_MS) return;
    this.#swept = now;
    for (const folder of await commitFolders(this.#options.root)) {
      await this.#locked(folder, async () => {
        const used = (await stat(folder).catch(() => undefined))?.mtimeMs ?? now;
        if (now - used < KEPT_MS) return;
        // renamed first: nobody may find half of it
        const away = join(dirname(folder), `.${basename(folder)}-${this.#options.ids.uuid()}`);
        await rename(folder, away).catch(() => undefined);
        await rm(away, { recursive: true, force: true }).catch(() => undefined);
      });
    }
  }

  /** The time of a commit's folder is that of its last use. In another user's cache its age counts from its start. */
  async #touch(folder: string): Promise<void> {
    const used = new Date(this.#options.clock.now());
    await utimes(folder, used, used).catch(() => undefined);
  }

  #folder({ cachePath }: ActionOrigin): string {
    return join(this.#options.root, ...cachePath);
  }

  async #locked<T>(key: string, work: () => Promise<T>): Promise<T> {
    const lock = this.#locks.get(key) ?? new Mutex();
    this.#locks.set(key, lock);
    return await lock.run(work);
  }
}

/** Folders of commits, at any depth; what lies in them is not looked at. */
async function commitFolders(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory());
  const found = folders.map(async ({ name }) => {
    const path = join(root, name);
    if (SHA.test(name)) return [path];
    return name === "refs" ? [] : await commitFolders(path);
  });
  return (await Promise.all(found)).flat();
}

async function readNote(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return SHA.test(text.trim()) ? text.trim() : undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
