import { createHash } from "node:crypto";
import { AppError } from "../../lib/errors.ts";
import type { JobServices } from "./job-services.ts";
import { sendBlocks, uploadBlocks } from "./upload-blocks.ts";

/** How an archive is compressed, in the words that GitHub's client hashes. */
export type CacheCompression = "zstd-without-long" | "gzip";

/** A cache that was found. */
export interface FoundCache {
  readonly key: string;
  download(): Promise<AsyncIterable<Uint8Array>>;
}

/** What caches are saved and found by. */
export interface CacheClient {
  /** The best entry for the keys, the first of which is to match exactly. @throws AppError when the service is away */
  find(keys: readonly string[], version: string): Promise<FoundCache | undefined>;
  /** Saves an entry and returns its size in bytes. @param content begun when it is wanted @throws AppError conflict when there is one under the key */
  save(key: string, version: string, content: () => AsyncIterable<Uint8Array>): Promise<number>;
}

/** Salt of GitHub's client. */
const VERSION_SALT = "1.0";

/** The version under which GitHub's client keeps a cache: only the same paths and compression fit. */
export function cacheVersion(paths: readonly string[], compression: CacheCompression): string {
  return createHash("sha256")
    .update([...paths, compression, VERSION_SALT].join("|"))
    .digest("hex");
}

/** The cache service of the job, by the protocol that it asks for; undefined where there is none. */
export function openCacheClient(services: JobServices): CacheClient | undefined {
  if (services.token === "") return undefined;
  if (services.cacheV2 && services.results !== "") return cacheV2(services);
  return services.cache === "" ? undefined : cacheV1(services);
}

/** `CacheService` of GitHub's results service. */
function cacheV2({ call, client }: JobServices): CacheClient {
  return {
    async find([key, ...restoreKeys], version) {
      const found = await call("CacheService/GetCacheEntryDownloadURL", { key, restore_keys: restoreKeys, version });
      if (found["ok"] !== true) return undefined;
      const url = String(found["signed_download_url"]);
      return { key: String(found["matched_key"]), download: async () => (await client.download(url)).content };
    },
    async save(key, version, content) {
      const made = await call("CacheService/CreateCacheEntry", { key, version });
      if (made["ok"] !== true) throw refusal(made["message"]);
      const { size } = await uploadBlocks(client, String(made["signed_upload_url"]), content());
      const done = await call("CacheService/FinalizeCacheEntryUpload", { key, version, size_bytes: String(size) });
      if (done["ok"] !== true) throw refusal(done["message"]);
      return size;
    },
  };
}

/** The older service, below `_apis/artifactcache/`. */
function cacheV1({ cache, client, token }: JobServices): CacheClient {
  const base = `${cache.replace(/\/*$/, "/")}_apis/artifactcache`;
  const headers = {
    ...{ authorization: `Bearer ${token}`, accept: "application/json;api-version=6.0-preview.1" },
    "content-type": "application/json",
  };
  return {
    async find(keys, version) {
      const url = `${base}/cache?keys=${encodeURIComponent(keys.join(","))}&version=${version}`;
      const { status, body } = await client.send({ method: "GET", url, headers });
      if (status === 204) return undefined;
      if (status !== 200) throw refusal(`HTTP ${status}`);
      const found = JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>;
      const location = String(found["archiveLocation"]);
      return { key: String(found["cacheKey"]), download: async () => (await client.download(location)).content };
    },
    async save(key, version, content) {
      const body = JSON.stringify({ key, version });
      const { cacheId } = await client.json({ method: "POST", url: `${base}/caches`, headers, body });
      const url = `${base}/caches/${encodeURIComponent(String(cacheId))}`;
      const { size } = await sendBlocks(content(), async (block, start) => {
        const range = `bytes ${start}-${start + block.length - 1}/*`;
        const more = { "content-type": "application/octet-stream", "content-range": range };
        const { status } = await client.send({ method: "PATCH", url, headers: { ...headers, ...more }, body: block });
        if (status < 200 || status > 299) throw refusal(`HTTP ${status}`);
      });
      const { status } = await client.send({ method: "POST", url, headers, body: JSON.stringify({ size }) });
      if (status < 200 || status > 299) throw refusal(`HTTP ${status}`);
      return size;
    },
  };
}

function refusal(message: unknown): AppError {
  return new AppError("conflict", String(message || "the service did not take it"));
}
