import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { CacheEntry, CacheIndex } from "./cache-records.ts";
import type { JobIdentity } from "./job-identity.ts";
import type { StoredFile } from "./stored-file.ts";
import type { Uploads } from "./uploads.ts";

/** What caches are kept with. */
export interface CachesDeps {
  readonly index: CacheIndex;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Most bytes of one repository; what was used longest ago goes first. 0 is no limit. */
  readonly repositoryLimit: number;
  /** Most bytes of all. 0 is no limit. */
  readonly totalLimit: number;
}

/** Limits of GitHub's own client. */
const MAX_KEY = 512;
const MAX_VERSION = 128;
/** Entries that are looked at for eviction in one go. */
const EVICTION_STEP = 100;

/** Caches: saved for a ref of a repository, restored by jobs of that ref, and of those whose base or default branch it is. */
export class Caches {
  readonly #deps: CachesDeps;

  constructor(deps: CachesDeps) {
    this.#deps = deps;
  }

  /**
   * The best entry for a job: in its own ref first, then its base, then the default branch; in each by the keys in their
   * order, each exactly and then as the beginning of a key, the newest.
   */
  async restore(job: JobIdentity, keys: readonly string[], version: string): Promise<CacheEntry | undefined> {
    const { index, clock } = this.#deps;
    for (const ref of job.cacheRefs) {
      const place = { repositoryId: job.repositoryId, ref, version };
      for (const key of keys) {
        const found = (await index.find(place, key, "exact")) ?? (await index.find(place, key, "prefix"));
        if (found === undefined) continue;
        await index.update(found.id, { usedAt: clock.now() });
        return found;
      }
    }
    return undefined;
  }

  /** Begins to save. @throws AppError invalid for the key, conflict when the ref has one under it */
  async reserve(job: JobIdentity, key: string, version: string): Promise<CacheEntry> {
    if (key === "" || key.length > MAX_KEY || key.includes(",") || version === "" || version.length > MAX_VERSION) {
      throw new AppError(
        "invalid",
        `a cache's key has 1 to ${MAX_KEY} characters and no comma, its version at most ${MAX_VERSION}`,
      );
    }
    const { index, clock, ids } = this.#deps;
    const place = { repositoryId: job.repositoryId, ref: job.cacheRef, version };
    if ((await index.find(place, key, "exact")) !== undefined) throw exists(key);
    const now = clock.now();
    return await index.insert({
      ...place,
      ...{ key, folder: `caches/${ids.uuid()}`, file: null, size: 0, status: "pending", taskId: job.taskId },
      ...{ createdAt: now, usedAt: now },
    });
  }

  /** A pending entry by its id, for its upload. @throws AppError not_found, conflict when it is complete */
  async pending(id: number): Promise<CacheEntry> {
    const entry = await this.#deps.index.get(id);
    if (entry === undefined) throw new AppError("not_found", `cache ${id} does not exist`);
    if (entry.status !== "pending") throw new AppError("conflict", `cache ${id} is complete and never changes`);
    return entry;
  }

  /** The entry that the task is saving under a key. @throws AppError not_found */
  async pendingOf(job: JobIdentity, key: string, version: string): Promise<CacheEntry> {
    const found = await this.#deps.index.findPending(job.taskId, key, version);
    if (found === undefined) throw new AppError("not_found", `this job is not saving a cache '${key}'`);
    return found;
  }

  /** Notes the archive of a pending entry. */
  async setFile(entry: CacheEntry, file: StoredFile): Promise<void> {
    await this.#deps.index.update(entry.id, { file });
  }

  /** Ends an upload; makes room where a limit asks for it. @throws AppError invalid when not all came, conflict when another was faster */
  async finish(entry: CacheEntry, file: StoredFile | null, size: number | undefined): Promise<void> {
    const { index, uploads, clock } = this.#deps;
    if (file === null || (size !== undefined && size !== file.size)) {
      throw new AppError(
        "invalid",
        `the cache '${entry.key}' has ${file?.size ?? 0} bytes, but ${size ?? "more"} were announced`,
      );
    }
    const patch = { file, size: file.size, status: "ready", usedAt: clock.now() } as const;
    if (!(await index.publish(entry.id, patch))) {
      await index.remove(entry.id);
      await uploads.remove(entry.folder);
      throw exists(entry.key);
    }
    await this.#evict(this.#deps.repositoryLimit, entry.repositoryId);
    await this.#evict(this.#deps.totalLimit);
  }

  /** A complete entry by its id. @throws AppError not_found */
  async readable(id: number): Promise<CacheEntry> {
    const entry = await this.#deps.index.get(id);
    if (entry?.status !== "ready") throw new AppError("not_found", `cache ${id} does not exist, or is gone by now`);
    return entry;
  }

  /** Deletes an entry with its archive. */
  async delete(entry: CacheEntry): Promise<void> {
    await this.#deps.index.remove(entry.id);
    await this.#deps.uploads.remove(entry.folder);
  }

  async #evict(limit: number, repositoryId?: number): Promise<void> {
    if (limit === 0) return;
    const { index } = this.#deps;
    let total = await index.totalSize(repositoryId);
    while (total > limit) {
      const oldest = await index.leastUsed(EVICTION_STEP, repositoryId);
      if (oldest.length === 0) return;
      for (const entry of oldest) {
        if (total <= limit) return;
        await this.delete(entry);
        total -= entry.size;
      }
    }
  }
}

function exists(key: string): AppError {
  return new AppError("conflict", `a cache with the key '${key}' exists already`);
}
