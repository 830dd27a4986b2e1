import type { CacheEntry, CachePatch, CachePlace } from "../../../jobservices/cache-records.ts";
import type { CacheFilter, CacheWrites } from "../job-service-store.ts";
import { cacheEntity } from "../schema/job-service-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";
import type { Page, PageRequest } from "../store.ts";

const rows = new RowMapper<CacheEntry>(cacheEntity);
const IN_PLACE = "repository_id = ? AND version = ? AND git_ref = ? AND status = 'ready'";

/** Caches. */
export class CacheTable implements CacheWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<CacheEntry | undefined> {
    return this.#session.first(rows, "WHERE id = ?", [id]);
  }

  find(
    { repositoryId, version, ref }: CachePlace,
    key: string,
    match: "exact" | "prefix",
  ): Promise<CacheEntry | undefined> {
    const place = [repositoryId, version, ref];
    const newest = "ORDER BY id DESC LIMIT 1";
    if (match === "exact") {
      return this.#session.first(rows, `WHERE ${IN_PLACE} AND cache_key = ? ${newest}`, [...place, key]);
    }
    // LIKE would ignore case on SQLite
    const where = `WHERE ${IN_PLACE} AND SUBSTR(cache_key, 1, ?) = ? ${newest}`;
    return this.#session.first(rows, where, [...place, [...key].length, key]);
  }

  findPending(taskId: number, key: string, version: string): Promise<CacheEntry | undefined> {
    const where = "WHERE task_id = ? AND cache_key = ? AND version = ? AND status = 'pending' ORDER BY id DESC LIMIT 1";
    return this.#session.first(rows, where, [taskId, key, version]);
  }

  async list({ repositoryId, key, ref }: CacheFilter, { page, limit }: PageRequest): Promise<Page<CacheEntry>> {
    const conditions: [sql: string, ...values: (string | number)[]][] = [["status = 'ready'"]];
    if (repositoryId !== undefined) conditions.push(["repository_id = ?", repositoryId]);
    if (ref !== undefined) conditions.push(["git_ref = ?", ref]);
    if (key !== undefined) conditions.push(["SUBSTR(cache_key, 1, ?) = ?", [...key].length, key]);
    const from = `FROM cache_entry WHERE ${conditions.map(([sql]) => sql).join(" AND ")}`;
    const values = conditions.flatMap(([, ...given]) => given);
    const offset = (page - 1) * limit;
    const [counted, items] = await Promise.all([
      this.#session.listRows(`SELECT COUNT(*) AS total ${from}`, values),
      this.#session.listRows(`SELECT * ${from} ORDER BY id DESC LIMIT ? OFFSET ?`, [...values, limit, offset]),
    ]);
    return { items: items.map((row) => rows.decode(row)), total: Number(counted[0]?.["total"] ?? 0) };
  }

  async totalSize(repositoryId?: number): Promise<number> {
    const { sql, values } = ready(repositoryId);
    const found = await this.#session.rows(`SELECT SUM(size) AS total FROM cache_entry WHERE ${sql}`, values);
    return Number(found[0]?.["total"] ?? 0);
  }

  leastUsed(limit: number, repositoryId?: number): Promise<readonly CacheEntry[]> {
    const { sql, values } = ready(repositoryId);
    return this.#session.select(rows, `WHERE ${sql} ORDER BY used_at, id LIMIT ?`, [...values, limit]);
  }

  stale(times: { readonly pendingBefore: number; readonly unusedSince: number }, limit: number) {
    const where = "WHERE (status = 'pending' AND created_at < ?) OR (status = 'ready' AND used_at < ?) LIMIT ?";
    return this.#session.select(rows, where, [times.pendingBefore, times.unusedSince, limit]);
  }

  async insert(entry: Omit<CacheEntry, "id">): Promise<CacheEntry> {
    return { ...entry, id: await this.#session.insert(rows, entry) };
  }

  async update(id: number, patch: CachePatch): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async publish(id: number, patch: CachePatch): Promise<boolean> {
    const entry = await this.get(id);
    if (entry === undefined) return false;
    // two jobs may save the same key at once: the repository's lock puts them in order
    const lock = this.#session.dialect === "mysql" ? " FOR UPDATE" : "";
    await this.#session.rows(`SELECT id FROM repository WHERE id = ?${lock}`, [entry.repositoryId]);
    const { repositoryId, version, ref, key } = entry;
    const sql = `SELECT id FROM cache_entry WHERE ${IN_PLACE} AND cache_key = ?${lock}`;
    if ((await this.#session.rows(sql, [repositoryId, version, ref, key])).length > 0) return false;
    await this.update(id, patch);
    return true;
  }

  async remove(id: number): Promise<void> {
    await this.#session.run("DELETE FROM cache_entry WHERE id = ?", [id]);
  }
}

function ready(repositoryId: number | undefined): { readonly sql: string; readonly values: readonly number[] } {
  if (repositoryId === undefined) return { sql: "status = 'ready'", values: [] };
  return { sql: "status = 'ready' AND repository_id = ?", values: [repositoryId] };
}
