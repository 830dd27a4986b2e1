import { AppError } from "../lib/errors.ts";
import type { Caches } from "./caches.ts";
import type { JobIdentity } from "./job-identity.ts";
import type { MessageFields } from "./message-fields.ts";
import { DOWNLOAD_MS, type Services, UPLOAD_MS } from "./services.ts";

/** Answers one call. */
type Call = (
  services: Services & { readonly caches: Caches },
  job: JobIdentity,
  fields: MessageFields,
  base: string,
) => Promise<unknown>;

const ARCHIVE = "cache";

/** The methods of `github.actions.results.api.v1.CacheService` (recorded from `@actions/cache` 6). */
export const cacheCalls: Readonly<Record<string, Call>> = {
  async CreateCacheEntry({ caches, addresses }, job, fields, base) {
    try {
      const { id } = await caches.reserve(job, fields.text("key"), fields.text("version"));
      const url = addresses.sign(base, { action: "write", kind: "cache", id }, ARCHIVE, UPLOAD_MS);
      return { ok: true, signed_upload_url: url, message: "" };
    } catch (error) {
      return refusal(error, { signed_upload_url: "" });
    }
  },

  async FinalizeCacheEntryUpload({ caches }, job, fields) {
    try {
      const entry = await caches.pendingOf(job, fields.text("key"), fields.text("version"));
      await caches.finish(entry, entry.file, fields.number("size_bytes"));
      return { ok: true, entry_id: String(entry.id), message: "" };
    } catch (error) {
      return refusal(error, { entry_id: "0" });
    }
  },

  async GetCacheEntryDownloadURL({ caches, addresses }, job, fields, base) {
    const keys = [fields.text("key"), ...fields.texts("restore_keys")];
    const entry = await caches.restore(job, keys, fields.text("version"));
    if (entry === undefined) return { ok: false, signed_download_url: "", matched_key: "" };
    const grant = { action: "read", kind: "cache", id: entry.id } as const;
    return { ok: true, signed_download_url: addresses.sign(base, grant, ARCHIVE, DOWNLOAD_MS), matched_key: entry.key };
  },
};

/** What a job may meet in its daily life is an answer, not an error; the client shows its message. */
function refusal(error: unknown, rest: Readonly<Record<string, string>>) {
  if (!(error instanceof AppError) || (error.code !== "conflict" && error.code !== "exhausted")) throw error;
  return { ok: false, message: error.message, ...rest };
}
