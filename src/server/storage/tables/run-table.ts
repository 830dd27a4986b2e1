import { AppError } from "../../../lib/errors.ts";
import type { CalledSource, Run } from "../../domain/run.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { runEntity } from "../schema/run-entities.ts";
import type { Session } from "../session.ts";
import type { New, Page, PageRequest, RunFilter, RunWrites } from "../store.ts";
import { rememberBlobs, rememberOrphans } from "./cascade.ts";
import { readMany, readPage } from "./page.ts";
import { changeTotals, totalOf } from "./repository-totals.ts";

const rows = new RowMapper<Run>(runEntity);

/** Runs. */
export class RunTable implements RunWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<Run | undefined> {
    return this.#session.shared(`run ${id}`, () => this.#session.first(rows, "WHERE id = ?", [id]));
  }

  list(filter: RunFilter, page: PageRequest): Promise<Page<Run>> {
    const { repositoryId, ownerIds, statuses, event, ref, sha, actorName, workflowPath } = filter;
    const rest = { event_name: event, git_ref: ref, sha, actor_name: actorName, workflow_path: workflowPath };
    const counted = statuses === undefined && Object.values(rest).every((value) => value === undefined);
    return readPage(
      this.#session,
      rows,
      {
        equals: { repository_id: repositoryId, ...rest },
        among: { owner_id: ownerIds, status: statuses },
        ...(counted ? { total: totalOf("run_total", { repositoryId, ownerIds }) } : {}),
      },
      page,
    );
  }

  getMany(ids: readonly number[]): Promise<readonly Run[]> {
    return readMany(this.#session, rows, ids);
  }

  async source(id: number): Promise<string> {
    const found = await this.#session.rows("SELECT source FROM run_source WHERE run_id = ?", [id]);
    const source = found[0]?.["source"];
    if (typeof source !== "string") throw new AppError("not_found", `run ${id} does not exist`);
    return source;
  }

  async called(id: number): Promise<readonly CalledSource[]> {
    const [found] = await this.#session.rows("SELECT called FROM run_source WHERE run_id = ?", [id]);
    const called = found?.["called"];
    return typeof called === "string" ? (JSON.parse(called) as CalledSource[]) : [];
  }

  async insert(run: New<Omit<Run, "number">>, source: string, called: readonly CalledSource[] = []): Promise<Run> {
    // The update takes the repository's row lock, so that no other transaction can read the same number.
    const where = "WHERE id = ?";
    const counted = await this.#session.run(
      `UPDATE repository SET run_counter = run_counter + 1, run_total = run_total + 1 ${where}`,
      [run.repositoryId],
    );
    if (counted.affected !== 1) throw new AppError("not_found", `repository ${run.repositoryId} does not exist`);
    const counter = await this.#session.rows(`SELECT run_counter FROM repository ${where}`, [run.repositoryId]);
    const numbered = { ...run, number: Number(counter[0]?.["run_counter"]) };
    const id = await this.#session.insert(rows, numbered);
    const files = called.length === 0 ? null : JSON.stringify(called);
    await this.#session.run("INSERT INTO run_source (run_id, source, called) VALUES (?, ?, ?)", [id, source, files]);
    return { ...numbered, id };
  }

  async update(id: number, patch: Partial<Pick<Run, "status" | "attempt" | "startedAt" | "stoppedAt">>): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async delete(id: number): Promise<readonly number[]> {
    const tasks = await this.#session.rows("SELECT id FROM task WHERE run_id = ?", [id]);
    const taskIds = tasks.map((row) => Number(row["id"]));
    await rememberOrphans(this.#session, taskIds);
    await rememberBlobs(this.#session, "run_id", id);
    const [found] = await this.#session.rows("SELECT repository_id FROM run WHERE id = ?", [id]);
    if (found === undefined) return taskIds;
    const jobs = await this.#session.rows("SELECT COUNT(*) AS total FROM job WHERE run_id = ?", [id]);
    await this.#session.run("DELETE FROM run WHERE id = ?", [id]);
    const gone = { runs: -1, jobs: -Number(jobs[0]?.["total"]) };
    await changeTotals(this.#session, Number(found["repository_id"]), gone);
    return taskIds;
  }

  lock(id: number): Promise<Run | undefined> {
    const lock = this.#session.dialect === "mysql" ? " FOR UPDATE" : "";
    return this.#session.first(rows, `WHERE id = ?${lock}`, [id]);
  }
}
