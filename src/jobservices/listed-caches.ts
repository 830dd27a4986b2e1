import type { CacheEntry, CacheIndex, CachePatch, CachePlace } from "./cache-records.ts";
import type { RecordList } from "./record-list.ts";

/** The caches of a program that has no database. */
export class ListedCaches implements CacheIndex {
  readonly #list: RecordList<CacheEntry>;

  constructor(list: RecordList<CacheEntry>) {
    this.#list = list;
  }

  insert(entry: Omit<CacheEntry, "id">): Promise<CacheEntry> {
    return this.#list.insert(entry);
  }

  async get(id: number): Promise<CacheEntry | undefined> {
    return this.#list.get(id);
  }

  async find(place: CachePlace, key: string, match: "exact" | "prefix"): Promise<CacheEntry | undefined> {
    return this.#list.all.find(
      (entry) =>
        entry.status === "ready" &&
        isIn(entry, place) &&
        (match === "exact" ? entry.key === key : entry.key.startsWith(key)),
    );
  }

  async findPending(taskId: number, key: string, version: string): Promise<CacheEntry | undefined> {
    return this.#list.all.find(
      (entry) =>
        entry.status === "pending" && entry.taskId === taskId && entry.key === key && entry.version === version,
    );
  }

  update(id: number, patch: CachePatch): Promise<void> {
    return this.#list.update(id, patch);
  }

  async publish(id: number, patch: CachePatch): Promise<boolean> {
    const entry = this.#list.get(id);
    if (entry === undefined || (await this.find(entry, entry.key, "exact")) !== undefined) return false;
    await this.#list.update(id, patch);
    return true;
  }

  remove(id: number): Promise<void> {
    return this.#list.remove(id);
  }

  async totalSize(repositoryId?: number): Promise<number> {
    return this.#ready(repositoryId).reduce((sum, { size }) => sum + size, 0);
  }

  async leastUsed(limit: number, repositoryId?: number): Promise<readonly CacheEntry[]> {
    return this.#ready(repositoryId)
      .sort((a, b) => a.usedAt - b.usedAt || a.id - b.id)
      .slice(0, limit);
  }

  async stale(times: { readonly pendingBefore: number; readonly unusedSince: number }, limit: number) {
    const isStale = ({ status, createdAt, usedAt }: CacheEntry) =>
      status === "pending" ? createdAt < times.pendingBefore : usedAt < times.unusedSince;
    return this.#list.all.filter(isStale).slice(0, limit);
  }

  #ready(repositoryId: number | undefined): CacheEntry[] {
    return this.#list.all.filter(
      (entry) => entry.status === "ready" && (repositoryId === undefined || entry.repositoryId === repositoryId),
    );
  }
}

function isIn(entry: CacheEntry, place: CachePlace): boolean {
  return entry.repositoryId === place.repositoryId && entry.ref === place.ref && entry.version === place.version;
}
