import type { Job, JobStatus } from "../../domain/run.ts";
import { placeholders } from "../dialect.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { jobEntity } from "../schema/run-entities.ts";
import type { Session } from "../session.ts";
import type { JobWrites, New, Page, PageRequest } from "../store.ts";
import { rememberOrphans } from "./cascade.ts";
import { readPage } from "./page.ts";
import { changeTotals, countJobs, totalOf } from "./repository-totals.ts";

const rows = new RowMapper<Job>(jobEntity);

/** Jobs. */
export class JobTable implements JobWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<Job | undefined> {
    return this.#session.first(rows, "WHERE id = ?", [id]);
  }

  listByRun(runId: number): Promise<readonly Job[]> {
    return this.#session.select(rows, "WHERE run_id = ? ORDER BY id", [runId]);
  }

  list(
    filter: { repositoryId?: number; ownerIds?: readonly number[]; runId?: number; statuses?: readonly JobStatus[] },
    page: PageRequest,
  ): Promise<Page<Job>> {
    const { repositoryId, ownerIds, runId, statuses } = filter;
    const counted = runId === undefined && statuses === undefined;
    return readPage(
      this.#session,
      rows,
      {
        equals: { repository_id: repositoryId, run_id: runId },
        among: { owner_id: ownerIds, status: statuses },
        ...(counted ? { total: totalOf("job_total", { repositoryId, ownerIds }) } : {}),
      },
      page,
    );
  }

  listWaiting(afterId: number, limit: number): Promise<readonly Job[]> {
    return this.#session.select(rows, "WHERE status = 'waiting' AND id > ? ORDER BY id LIMIT ?", [afterId, limit]);
  }

  async insertMany(jobs: readonly New<Job>[]): Promise<readonly Job[]> {
    const inserted: Job[] = [];
    // One statement each: a multi-row INSERT does not say the ids of its rows on MySQL when others insert, too.
    for (const job of jobs) inserted.push({ ...job, id: await this.#session.insert(rows, job) });
    await countJobs(this.#session, jobs);
    return inserted;
  }

  async update(
    id: number,
    from: readonly JobStatus[],
    patch: Partial<Omit<Job, "id" | "runId" | "repositoryId" | "ownerId" | "key">>,
  ): Promise<boolean> {
    const where = `id = ? AND status IN ${placeholders(from.length)}`;
    return (await this.#session.update(rows, patch, where, [id, ...from])) === 1;
  }

  async delete(id: number): Promise<void> {
    const tasks = await this.#session.rows("SELECT id FROM task WHERE job_id = ?", [id]);
    const taskIds = tasks.map((row) => Number(row["id"]));
    await rememberOrphans(this.#session, taskIds);
    const job = await this.get(id);
    if (job === undefined) return;
    await this.#session.run("DELETE FROM job WHERE id = ?", [id]);
    await changeTotals(this.#session, job.repositoryId, { jobs: -1 });
  }
}
