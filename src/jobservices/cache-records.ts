import type { StoredFile } from "./stored-file.ts";

/** A cache: one archive under a key, for one ref of a repository. It never changes once it is ready. */
export interface CacheEntry {
  readonly id: number;
  readonly repositoryId: number;
  /** The ref that saved it. */
  readonly ref: string;
  readonly key: string;
  /** The client's hash of paths and compression; only the same one fits. */
  readonly version: string;
  /** Prefix of all its blobs. */
  readonly folder: string;
  readonly file: StoredFile | null;
  /** In bytes. */
  readonly size: number;
  readonly status: "pending" | "ready";
  /** The task that saves it. */
  readonly taskId: number;
  readonly createdAt: number;
  /** Last time it was restored or saved. */
  readonly usedAt: number;
}

/** Fields that change after an entry was made. */
export type CachePatch = Partial<Pick<CacheEntry, "file" | "size" | "status" | "usedAt">>;

/** Where a cache is looked for. */
export interface CachePlace {
  readonly repositoryId: number;
  readonly ref: string;
  readonly version: string;
}

/** What is known of caches. */
export interface CacheIndex {
  insert(entry: Omit<CacheEntry, "id">): Promise<CacheEntry>;
  get(id: number): Promise<CacheEntry | undefined>;
  /** The newest ready entry of a place with this key, or whose key begins so. */
  find(place: CachePlace, key: string, match: "exact" | "prefix"): Promise<CacheEntry | undefined>;
  /** The newest pending entry of a task with this key. */
  findPending(taskId: number, key: string, version: string): Promise<CacheEntry | undefined>;
  update(id: number, patch: CachePatch): Promise<void>;
  /** Makes a pending entry ready; false where its place has one of that key by now. */
  publish(id: number, patch: CachePatch): Promise<boolean>;
  remove(id: number): Promise<void>;
  /** Bytes of the ready entries of a repository, or of all. */
  totalSize(repositoryId?: number): Promise<number>;
  /** Ready entries of a repository, or of all, the one that was used longest ago first. */
  leastUsed(limit: number, repositoryId?: number): Promise<readonly CacheEntry[]>;
  /** Some that were left pending before `pendingBefore`, or that nobody has used since `unusedSince`. */
  stale(
    times: { readonly pendingBefore: number; readonly unusedSince: number },
    limit: number,
  ): Promise<readonly CacheEntry[]>;
}
