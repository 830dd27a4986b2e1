import { databaseNow, keepExisting } from "../dialect.ts";
import type { CronState, HousekeepingWrites, IdPage } from "../housekeeping-store.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";

const NO_OPEN_TASK = `NOT EXISTS (SELECT 1 FROM task WHERE task.runner_id = runner.id
  AND task.status IN ('running', 'cancelling'))`;

/** Ephemeral with a task that was acknowledged: its one task is behind it. */
const HAS_DONE_ITS_TASK = `ephemeral = 1 AND EXISTS (SELECT 1 FROM task WHERE task.runner_id = runner.id
  AND task.acknowledged_at IS NOT NULL)`;
const ITS_JOB_WAITS_NO_MORE = `bound_job_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job
  WHERE job.id = runner.bound_job_id AND job.status IN ('blocked', 'waiting'))`;
const ITS_SCOPE_IS_GONE = `(scope_kind = 'repository' AND NOT EXISTS (SELECT 1 FROM repository
  WHERE repository.id = runner.scope_repository_id)) OR (scope_kind = 'owner' AND NOT EXISTS (SELECT 1 FROM account
  WHERE account.id = runner.scope_owner_id))`;

/** The schedule of what cleans up, and what is to be cleaned up. */
export class HousekeepingTable implements HousekeepingWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async crons(): Promise<readonly CronState[]> {
    const now = databaseNow(this.#session);
    const rows = await this.#session.rows(`SELECT cron.*, ${now} AS now_ms FROM cron ORDER BY name`);
    const time = (value: unknown) => (value === null || value === undefined ? null : Number(value));
    return rows.map((row) => ({
      name: String(row["name"]),
      running: row["holder"] !== null,
      abandoned: row["holder"] !== null && Number(row["leased_until"]) <= Number(row["now_ms"]),
      dueAt: time(row["due_at"]),
      startedAt: time(row["started_at"]),
      endedAt: time(row["ended_at"]),
      runs: Number(row["runs"]),
      outcome: typeof row["outcome"] === "string" ? row["outcome"] : null,
    }));
  }

  async beginCron(name: string, holder: string, dueAt: number, leaseMs: number): Promise<boolean> {
    const now = databaseNow(this.#session);
    const keep = keepExisting(this.#session.dialect, "name");
    await this.#session.run(`INSERT INTO cron (name, leased_until, runs) VALUES (?, 0, 0)${keep}`, [name]);
    const { affected } = await this.#session.run(
      `UPDATE cron SET holder = ?, leased_until = ${now} + ?, due_at = ?, started_at = ${now}
       WHERE name = ? AND ((holder IS NULL AND (due_at IS NULL OR due_at < ?))
         OR (holder IS NOT NULL AND leased_until <= ${now}))`,
      [holder, leaseMs, dueAt, name, dueAt],
    );
    return affected === 1;
  }

  async keepCron(name: string, holder: string, leaseMs: number): Promise<boolean> {
    const sql = `UPDATE cron SET leased_until = ${databaseNow(this.#session)} + ? WHERE name = ? AND holder = ?`;
    return (await this.#session.run(sql, [leaseMs, name, holder])).affected === 1;
  }

  async endCron(name: string, holder: string, outcome: string): Promise<void> {
    await this.#session.run(
      `UPDATE cron SET holder = NULL, ended_at = ${databaseNow(this.#session)}, runs = runs + 1, outcome = ?
       WHERE name = ? AND holder = ?`,
      [outcome, name, holder],
    );
  }

  abandonedJobs(before: number, page: IdPage): Promise<readonly number[]> {
    const waits = "status = 'waiting' AND COALESCE(ready_at, created_at) < ?";
    const blocked = `status = 'blocked' AND created_at < ? AND NOT EXISTS (SELECT 1 FROM job AS other
      WHERE other.run_id = job.run_id AND (other.status IN ('waiting', 'running', 'cancelling') OR other.stopped_at >= ?))
      AND NOT EXISTS (SELECT 1 FROM group_member AS member WHERE member.run_id = job.run_id AND member.state = 'pending')`;
    return this.#ids("job", `(${waits}) OR (${blocked})`, [before, before, before], page);
  }

  uselessRunners(now: number, page: IdPage): Promise<readonly number[]> {
    const unused = "unused_until < ? AND last_online IS NULL";
    const useless = [unused, HAS_DONE_ITS_TASK, ITS_JOB_WAITS_NO_MORE, ITS_SCOPE_IS_GONE];
    const where = `deleted_at IS NULL AND (${useless.map((part) => `(${part})`).join(" OR ")}) AND ${NO_OPEN_TASK}`;
    return this.#ids("runner", where, [now], page);
  }

  offlineRunners(before: number, which: { readonly ephemeral: boolean }, page: IdPage): Promise<readonly number[]> {
    const where = `deleted_at IS NULL AND ephemeral = ? AND COALESCE(last_online, created_at) < ? AND ${NO_OPEN_TASK}`;
    return this.#ids("runner", where, [which.ephemeral ? 1 : 0, before], page);
  }

  purgeAudit(before: number, limit: number): Promise<number> {
    return this.#purge("audit", "at_ms", before, limit);
  }

  purgeRunners(before: number, limit: number): Promise<number> {
    return this.#purge("runner", "deleted_at", before, limit);
  }

  async #ids(table: string, where: string, values: readonly SqlValue[], page: IdPage): Promise<readonly number[]> {
    const sql = `SELECT id FROM ${table} WHERE id > ? AND (${where}) ORDER BY id LIMIT ?`;
    const rows = await this.#session.rows(sql, [page.afterId, ...values, page.limit]);
    return rows.map((row) => Number(row["id"]));
  }

  /** SQLite has no LIMIT on DELETE, and MySQL none in a subquery that is not nested. */
  async #purge(table: string, column: string, before: number, limit: number): Promise<number> {
    const some = `SELECT id FROM (SELECT id FROM ${table} WHERE ${column} < ? ORDER BY ${column} LIMIT ?) AS old`;
    return (await this.#session.run(`DELETE FROM ${table} WHERE id IN (${some})`, [before, limit])).affected;
  }
}
