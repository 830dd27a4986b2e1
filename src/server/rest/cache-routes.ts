import { z } from "zod";
import type { CacheEntry } from "../../jobservices/cache-records.ts";
import { AppError } from "../../lib/errors.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { id, openRepository, repoPath } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

const base = "/repos/:owner/:repo/actions/caches";
/** Most caches that one call deletes. */
const MOST = 1000;

/** A cache, in GitHub's shape; Gitea has none. */
const cacheShape = z.object({
  id: z.number(),
  ref: z.string(),
  key: z.string(),
  version: z.string(),
  last_accessed_at: z.string(),
  created_at: z.string(),
  size_in_bytes: z.number(),
});
const cacheListShape = z.object({ actions_caches: z.array(cacheShape), total_count: z.number() });

/** Caches of a repository: list, and delete by id or by key. */
export function cacheRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    base,
    {
      schema: {
        ...{ tags: ["caches"], summary: "Caches of a repository, newest first; key is how the key begins" },
        ...{
          params: repoPath,
          querystring: pageQuery.extend({ key: z.string().optional(), ref: z.string().optional() }),
        },
        response: { 200: cacheListShape },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "read");
      const { key, ref, ...page } = request.query;
      const filter = { ...(key === undefined ? {} : { key }), ...(ref === undefined ? {} : { ref }) };
      const { items, total } = await deps.keptFiles.caches({ repositoryId: repository.id, ...filter }, page);
      setTotal(request, reply, deps.publicUrl(), page, total);
      return { actions_caches: items.map(cacheJson), total_count: total };
    },
  );
  app.delete(
    `${base}/:cache_id`,
    {
      schema: {
        ...{ tags: ["caches"], summary: "Deletes a cache", params: repoPath.extend({ cache_id: id }) },
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "write");
      await deps.jobServices.caches.delete(await deps.keptFiles.cache(repository.id, request.params.cache_id));
      return reply.code(204).send(null);
    },
  );
  app.delete(
    base,
    {
      schema: {
        ...{ tags: ["caches"], summary: "Deletes the caches with exactly this key", params: repoPath },
        querystring: z.object({ key: z.string().min(1), ref: z.string().optional() }),
        response: { 200: cacheListShape },
      },
    },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "write");
      const { key, ref } = request.query;
      const filter = { repositoryId: repository.id, key, ...(ref === undefined ? {} : { ref }) };
      const { items } = await deps.keptFiles.caches(filter, { page: 1, limit: MOST });
      const found = items.filter((entry) => entry.key === key);
      if (found.length === 0) throw new AppError("not_found", `the repository has no cache with the key '${key}'`);
      for (const entry of found) await deps.jobServices.caches.delete(entry);
      return { actions_caches: found.map(cacheJson), total_count: found.length };
    },
  );
}

function cacheJson(entry: CacheEntry): z.infer<typeof cacheShape> {
  const { id: cacheId, ref, key, version, usedAt, createdAt, size } = entry;
  return {
    ...{ id: cacheId, ref, key, version, size_in_bytes: size },
    last_accessed_at: timeText(usedAt),
    created_at: timeText(createdAt),
  };
}
