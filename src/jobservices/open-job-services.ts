import type { BlobStore } from "../lib/blobs/blob-store.ts";
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { Logger } from "../lib/logger.ts";
import type { ArtifactIndex } from "./artifact-records.ts";
import { Artifacts } from "./artifacts.ts";
import type { CacheIndex } from "./cache-records.ts";
import { Caches } from "./caches.ts";
import type { JobTokens } from "./job-identity.ts";
import type { Services } from "./services.ts";
import { SignedAddresses } from "./signed-addresses.ts";
import type { Summaries } from "./summaries.ts";
import { sweep } from "./sweep.ts";
import { Uploads } from "./uploads.ts";

/** How much is kept, and for how long. */
export interface JobServiceLimits {
  /** Most bytes of an artifact's file, and of a cache. */
  readonly maxFileBytes: number;
  readonly artifactRetentionMs: number;
  /** Caches that nobody used for so long go. */
  readonly cacheRetentionMs: number;
  /** Most bytes of the caches of one repository; 0 is no limit. */
  readonly cacheRepositoryBytes: number;
  /** Most bytes of all caches; 0 is no limit. */
  readonly cacheTotalBytes: number;
}

/** GitHub's limits, and Gitea's retention. */
export const DEFAULT_LIMITS: JobServiceLimits = {
  maxFileBytes: 10 * 1024 ** 3,
  artifactRetentionMs: 90 * 24 * 3_600_000,
  cacheRetentionMs: 7 * 24 * 3_600_000,
  cacheRepositoryBytes: 10 * 1024 ** 3,
  cacheTotalBytes: 0,
};

/** What the job services are made of. */
export interface JobServicesOptions {
  readonly blobs: BlobStore;
  readonly artifacts: ArtifactIndex;
  readonly caches: CacheIndex;
  /** @default summaries are not kept */
  readonly summaries?: Summaries;
  readonly tokens: JobTokens;
  /** Signs addresses: 32 random bytes, the same on all replicas. */
  readonly key: Buffer;
  readonly limits?: Partial<JobServiceLimits>;
  /** How often what has expired is looked for. @default 1 hour */
  readonly sweepEveryMs?: number;
  /** Done beside that; such as folders whose rows are gone. */
  readonly alsoSweep?: (uploads: Uploads) => Promise<void>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
}

/** Services that clean up after themselves until they are disposed. */
export interface OpenJobServices extends AsyncDisposable, Services {
  readonly artifacts: Artifacts;
  readonly caches: Caches;
  /** Removes what has expired, now. */
  sweep(): Promise<void>;
}

const SWEEP_EVERY_MS = 3_600_000;

/** Makes artifacts, caches and summaries over a store of blobs and an index. */
export function openJobServices(options: JobServicesOptions): OpenJobServices {
  const { clock, ids, log, tokens, summaries } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const uploads = new Uploads(options.blobs, limits.maxFileBytes);
  const closing = new AbortController();
  const { artifactRetentionMs: retentionMs, cacheRetentionMs } = limits;
  const { cacheRepositoryBytes: repositoryLimit, cacheTotalBytes: totalLimit } = limits;
  const sweepNow = async () => {
    const all = { artifacts: options.artifacts, caches: options.caches, uploads, clock, cacheRetentionMs };
    await sweep(all, { signal: closing.signal });
    await options.alsoSweep?.(uploads);
  };
  const loop = repeat(sweepNow, options.sweepEveryMs ?? SWEEP_EVERY_MS, { clock, log, signal: closing.signal });
  return {
    ...{ clock, tokens, uploads, sweep: sweepNow },
    ...(summaries === undefined ? {} : { summaries }),
    addresses: new SignedAddresses(options.key, clock),
    artifacts: new Artifacts({ index: options.artifacts, uploads, clock, ids, retentionMs }),
    caches: new Caches({ index: options.caches, uploads, clock, ids, repositoryLimit, totalLimit }),
    async [Symbol.asyncDispose]() {
      closing.abort();
      await loop;
    },
  };
}

async function repeat(
  work: () => Promise<void>,
  everyMs: number,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await work().catch((error: unknown) => {
      log.warn({ error: errorText(error) }, "expired artifacts and caches could not be removed; it is tried again");
    });
  }
}
