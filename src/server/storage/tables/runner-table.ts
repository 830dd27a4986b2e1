import type { Runner, RunnerVerifiers, TokenVerifier } from "../../domain/runner.ts";
import { greatest } from "../dialect.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { type RunnerRow, runnerEntity } from "../schema/runner-entities.ts";
import { scopeFromRow, scopeToRow, whereScope, whereWithin } from "../schema/scope-columns.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import type { New, Page, PageRequest, RunnerFilter, RunnerPatch, RunnerWrites } from "../store.ts";
import { readMany } from "./page.ts";

const rows = new RowMapper<RunnerRow>(runnerEntity);

/** Runners; the deleted ones are invisible. */
export class RunnerTable implements RunnerWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async get(id: number): Promise<Runner | undefined> {
    const row = await this.#session.first(rows, "WHERE id = ? AND deleted_at IS NULL", [id]);
    return row === undefined ? undefined : toRunner(row);
  }

  async getMany(ids: readonly number[]): Promise<readonly Runner[]> {
    return (await readMany(this.#session, rows, ids, " AND deleted_at IS NULL")).map(toRunner);
  }

  async findByUuid(uuid: string): Promise<({ runner: Runner } & RunnerVerifiers) | undefined> {
    const tail = "WHERE uuid = ? AND (deleted_at IS NULL OR reports_until IS NOT NULL)";
    const row = await this.#session.first(rows, tail, [uuid]);
    if (row === undefined) return undefined;
    const next = row.nextTokenHash === null ? null : { hash: row.nextTokenHash, mac: row.nextTokenMac ?? "" };
    return { runner: toRunner(row), verifier: { hash: row.tokenHash, mac: row.tokenMac ?? "" }, next };
  }

  async sealedToken(id: number): Promise<string | undefined> {
    const where = "WHERE id = ? AND deleted_at IS NULL AND next_token_sealed IS NOT NULL";
    const [row] = await this.#session.rows(`SELECT next_token_sealed AS sealed FROM runner ${where}`, [id]);
    return row === undefined ? undefined : String(row["sealed"]);
  }

  async lock(id: number): Promise<Runner | undefined> {
    const lock = this.#session.dialect === "mysql" ? " FOR UPDATE" : "";
    const row = await this.#session.first(rows, `WHERE id = ? AND deleted_at IS NULL${lock}`, [id]);
    return row === undefined ? undefined : toRunner(row);
  }

  async list(filter: RunnerFilter, { page, limit }: PageRequest): Promise<Page<Runner>> {
    const where = ["deleted_at IS NULL"];
    const values: SqlValue[] = [];
    for (const part of [
      filter.scope === undefined ? undefined : whereScope(filter.scope),
      filter.within === undefined ? undefined : whereWithin(filter.within),
      filter.disabled === undefined ? undefined : { sql: "disabled = ?", values: [filter.disabled ? 1 : 0] },
    ]) {
      if (part === undefined) continue;
      where.push(part.sql);
      values.push(...part.values);
    }
    const condition = `WHERE ${where.join(" AND ")}`;
    const sql = `SELECT * FROM runner ${condition} ORDER BY id DESC LIMIT ? OFFSET ?`;
    const [count, found] = await Promise.all([
      this.#session.listRows(`SELECT COUNT(*) AS total FROM runner ${condition}`, values),
      this.#session.listRows(sql, [...values, limit, (page - 1) * limit]),
    ]);
    return { items: found.map((row) => toRunner(rows.decode(row))), total: Number(count[0]?.["total"]) };
  }

  async insert(runner: New<Runner>, verifier: TokenVerifier): Promise<Runner> {
    const { scope, labels: _, ...rest } = runner;
    const token = { tokenHash: verifier.hash, tokenMac: verifier.mac === "" ? null : verifier.mac };
    const next = { nextTokenHash: null, nextTokenMac: null, nextTokenSealed: null };
    const id = await this.#session.insert(rows, { ...rest, ...scopeToRow(scope), ...token, ...next });
    return { ...runner, id };
  }

  async update(id: number, patch: RunnerPatch): Promise<boolean> {
    return (await this.#session.update(rows, patch, "id = ? AND deleted_at IS NULL", [id])) === 1;
  }

  async setVerifier(id: number, verifier: TokenVerifier): Promise<void> {
    const patch = { tokenHash: verifier.hash, tokenMac: verifier.mac === "" ? null : verifier.mac };
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async offerToken(
    id: number,
    { verifier, sealed }: { verifier: TokenVerifier; sealed: string },
    oldUntil: number,
  ): Promise<boolean> {
    const token = { nextTokenHash: verifier.hash, nextTokenMac: verifier.mac, nextTokenSealed: sealed };
    const patch = { ...token, oldTokenUntil: oldUntil };
    return (await this.#session.update(rows, patch, "id = ? AND deleted_at IS NULL", [id])) === 1;
  }

  async confirmToken(id: number, mac: string, now: number): Promise<boolean> {
    const { affected } = await this.#session.run(
      `UPDATE runner SET token_hash = next_token_hash, token_mac = next_token_mac, token_made_at = ?,
         next_token_hash = NULL, next_token_mac = NULL, next_token_sealed = NULL, old_token_until = NULL
       WHERE id = ? AND next_token_mac = ? AND deleted_at IS NULL`,
      [now, id, mac],
    );
    return affected === 1;
  }

  async delete(id: number, now: number, reportsUntil: number | null = null): Promise<boolean> {
    const patch = { deletedAt: now, reportsUntil, ...(reportsUntil === null ? { tokenMac: null } : {}) };
    return (await this.#session.update(rows, patch, "id = ? AND deleted_at IS NULL", [id])) === 1;
  }

  async touch(given: readonly { id: number; lastOnline: number; lastActive: number | null }[]): Promise<void> {
    // Always in the order of the ids, so that two replicas cannot wait for each other.
    const sorted = [...mergeStamps(given)].sort(([a], [b]) => a - b);
    if (sorted.length === 0) return;
    const stamps = sorted.map(([id, { online, active }]) => [id, online, active]);
    await this.#session.run(touchStatement(this.#session.dialect), [JSON.stringify(stamps)]);
  }
}

/** The newest times of each runner; 0 stands for none. */
function mergeStamps(
  stamps: readonly { id: number; lastOnline: number; lastActive: number | null }[],
): Map<number, { online: number; active: number }> {
  const merged = new Map<number, { online: number; active: number }>();
  for (const { id, lastOnline, lastActive } of stamps) {
    const { online, active } = merged.get(id) ?? { online: 0, active: 0 };
    merged.set(id, { online: Math.max(online, lastOnline), active: Math.max(active, lastActive ?? 0) });
  }
  return merged;
}

/**
 * One UPDATE joined with a JSON list of [id, online, active], however long it is; times only grow. The plus keeps SQLite
 * from reading the list anew for each runner of the index on deleted_at, which takes seconds for a thousand.
 */
function touchStatement(dialect: Session["dialect"]): string {
  const max = greatest(dialect);
  const set = `last_online = ${max}(COALESCE(last_online, 0), stamp.online),
    last_active = NULLIF(${max}(COALESCE(last_active, 0), stamp.active), 0)`;
  return dialect === "sqlite"
    ? `UPDATE runner SET ${set} FROM (SELECT value ->> 0 AS id, value ->> 1 AS online, value ->> 2 AS active
       FROM json_each(?)) AS stamp WHERE runner.id = stamp.id AND +runner.deleted_at IS NULL`
    : `UPDATE runner JOIN JSON_TABLE(?, '$[*]' COLUMNS
       (id BIGINT PATH '$[0]', online BIGINT PATH '$[1]', active BIGINT PATH '$[2]')) AS stamp
       ON runner.id = stamp.id SET ${set} WHERE deleted_at IS NULL`;
}

function toRunner(row: RunnerRow): Runner {
  const { tokenHash, tokenMac, nextTokenHash, nextTokenMac, nextTokenSealed, ...fields } = row;
  const { scopeKind, scopeOwnerId, scopeRepositoryId, ...rest } = fields;
  const labels = rest.labelOverlay ?? rest.declaredLabels;
  return { ...rest, labels, scope: scopeFromRow({ scopeKind, scopeOwnerId, scopeRepositoryId }) };
}
