import type { Job } from "../../domain/run.ts";
import { placeholders } from "../dialect.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import type { New } from "../store.ts";

/*
 * How many runs and jobs a repository has is kept in its row, so that the lists of all of them need not count a table
 * of millions. Submitting a run takes that row's lock anyway.
 */

/** Adds to the numbers of a repository. */
export async function changeTotals(
  session: Session,
  repositoryId: number,
  by: { readonly runs?: number; readonly jobs?: number },
): Promise<void> {
  const sql = "UPDATE repository SET run_total = run_total + ?, job_total = job_total + ? WHERE id = ?";
  await session.run(sql, [by.runs ?? 0, by.jobs ?? 0, repositoryId]);
}

/** Counts jobs that were inserted. */
export async function countJobs(session: Session, jobs: readonly New<Job>[]): Promise<void> {
  const byRepository = new Map<number, number>();
  for (const { repositoryId } of jobs) byRepository.set(repositoryId, (byRepository.get(repositoryId) ?? 0) + 1);
  for (const [repositoryId, count] of byRepository) await changeTotals(session, repositoryId, { jobs: count });
}

/** The query for the number of all runs or jobs of a repository, of owners, or of the server. */
export function totalOf(
  column: "run_total" | "job_total",
  within: { readonly repositoryId?: number | undefined; readonly ownerIds?: readonly number[] | undefined },
): { readonly sql: string; readonly values: readonly SqlValue[] } {
  const { repositoryId, ownerIds } = within;
  const where: string[] = [];
  if (repositoryId !== undefined) where.push("id = ?");
  if (ownerIds !== undefined) where.push(`owner_id IN ${placeholders(ownerIds.length)}`);
  return {
    sql: `SELECT SUM(${column}) AS total FROM repository${where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`}`,
    values: [...(repositoryId === undefined ? [] : [repositoryId]), ...(ownerIds ?? [])],
  };
}
