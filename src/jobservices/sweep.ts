import type { Clock } from "../lib/clock.ts";
import type { ArtifactIndex } from "./artifact-records.ts";
import type { CacheIndex } from "./cache-records.ts";
import type { Uploads } from "./uploads.ts";

/** What is cleaned up. */
export interface SweepDeps {
  readonly artifacts: ArtifactIndex;
  readonly caches: CacheIndex;
  readonly uploads: Uploads;
  readonly clock: Clock;
  /** Caches that nobody used for so long go. */
  readonly cacheRetentionMs: number;
}

/** An upload that is not complete after this time never will be: longer than any job may run. */
const ABANDONED_MS = 7 * 24 * 3_600_000;
/** Rows at a time. */
const STEP = 100;

/** Removes what has expired and what was never completed. An expired artifact stays known, without its files. */
export async function sweep(deps: SweepDeps, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  const { artifacts, caches, uploads, clock, cacheRetentionMs } = deps;
  const now = clock.now();
  const pendingBefore = now - ABANDONED_MS;
  for (;;) {
    const stale = await artifacts.stale({ pendingBefore, now }, STEP);
    for (const { id, folder, status } of stale) {
      if (signal.aborted) return;
      if (status === "pending") await artifacts.remove(id);
      else await artifacts.update(id, { status: "expired", files: [], updatedAt: now });
      await uploads.remove(folder);
    }
    if (stale.length < STEP) break;
  }
  for (;;) {
    const stale = await caches.stale({ pendingBefore, unusedSince: now - cacheRetentionMs }, STEP);
    for (const { id, folder } of stale) {
      if (signal.aborted) return;
      await caches.remove(id);
      await uploads.remove(folder);
    }
    if (stale.length < STEP) break;
  }
}
