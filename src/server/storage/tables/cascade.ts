import { keepExisting, placeholders } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";

/** What went away with an account or a repository, for caches and connections to be closed. */
export interface Deleted {
  readonly runnerIds: readonly number[];
  readonly taskIds: readonly number[];
}

/** Most ids in one statement. */
const CHUNK = 500;

/**
 * Deletes a repository with all that belongs to it. Runs, jobs, tasks and outputs go by foreign keys; the things that
 * hang on a scope are deleted here; runners are soft-deleted so that their name stays readable in old audit rows.
 */
export async function deleteRepository(session: Session, id: number): Promise<Deleted> {
  const tasks = await session.rows("SELECT id FROM task WHERE repository_id = ?", [id]);
  const taskIds = tasks.map((row) => Number(row["id"]));
  await rememberOrphans(session, taskIds);
  await rememberBlobs(session, "repository_id", id);
  await session.run(`INSERT INTO orphaned_blob (folder) SELECT folder FROM cache_entry WHERE repository_id = ?`, [id]);
  const runnerIds = await deleteScope(session, "scope_repository_id = ?", [id]);
  await session.run("DELETE FROM api_token WHERE grant_kind = 'repository' AND grant_repository_id = ?", [id]);
  await session.run("DELETE FROM tasks_version WHERE scope_key = ?", [`repository:${id}`]);
  await session.run("DELETE FROM repository WHERE id = ?", [id]);
  return { runnerIds, taskIds };
}

/** Deletes an account with its repositories, tokens, settings, memberships and runners. */
export async function deleteOwner(session: Session, id: number): Promise<Deleted> {
  const repositories = await session.rows("SELECT id FROM repository WHERE owner_id = ?", [id]);
  const runnerIds: number[] = [];
  const taskIds: number[] = [];
  for (const repository of repositories) {
    const deleted = await deleteRepository(session, Number(repository["id"]));
    runnerIds.push(...deleted.runnerIds);
    taskIds.push(...deleted.taskIds);
  }
  runnerIds.push(...(await deleteScope(session, "scope_owner_id = ?", [id])));
  await session.run("DELETE FROM api_token WHERE grant_owner_id = ? OR account_id = ?", [id, id]);
  await session.run("DELETE FROM tasks_version WHERE scope_key = ?", [`owner:${id}`]);
  await session.run("DELETE FROM account WHERE id = ?", [id]);
  return { runnerIds, taskIds };
}

/** Notes that the logs of these tasks are to go once the transaction is on disk. */
export async function rememberOrphans(session: Session, taskIds: readonly number[]): Promise<void> {
  for (let from = 0; from < taskIds.length; from += CHUNK) {
    const chunk = taskIds.slice(from, from + CHUNK);
    const rows = chunk.map(() => "(?)").join(", ");
    const sql = `INSERT INTO orphaned_log (task_id) VALUES ${rows}${keepExisting(session.dialect, "task_id")}`;
    await session.run(sql, chunk);
  }
  session.orphanLogs(taskIds);
}

/** Notes that the files of the artifacts of a run or a repository are to go. */
export async function rememberBlobs(session: Session, of: "run_id" | "repository_id", id: number): Promise<void> {
  await session.run(`INSERT INTO orphaned_blob (folder) SELECT folder FROM artifact WHERE ${of} = ?`, [id]);
}

async function deleteScope(session: Session, where: string, values: SqlValue[]): Promise<number[]> {
  await session.run(`DELETE FROM setting WHERE ${where}`, values);
  await session.run(`DELETE FROM registration_token WHERE ${where}`, values);
  const runners = await session.rows(`SELECT id FROM runner WHERE deleted_at IS NULL AND ${where}`, values);
  const ids = runners.map((row) => Number(row["id"]));
  for (let from = 0; from < ids.length; from += CHUNK) {
    const chunk = ids.slice(from, from + CHUNK);
    const sql = `UPDATE runner SET deleted_at = ?, token_mac = NULL WHERE id IN ${placeholders(chunk.length)}`;
    await session.run(sql, [session.clock.now(), ...chunk]);
  }
  return ids;
}
