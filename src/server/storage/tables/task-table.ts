import type { Task, TaskStep } from "../../domain/task.ts";
import { greatest, keepExisting } from "../dialect.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import { type TaskRow, taskEntity } from "../schema/run-entities.ts";
import type { Session } from "../session.ts";
import type { SqlValue } from "../sql-value.ts";
import type { New, Page, PageRequest, TaskWrites } from "../store.ts";
import { readMany, readPage } from "./page.ts";

const rows = new RowMapper<TaskRow>(taskEntity);
const OPEN = "status IN ('running', 'cancelling')";

/** Most tasks in one statement of `touch`. */
const CHUNK = 500;

/** Tasks and their outputs. */
export class TaskTable implements TaskWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  get(id: number): Promise<Task | undefined> {
    return this.#first("WHERE id = ?", [id]);
  }

  async getMany(ids: readonly number[]): Promise<readonly Task[]> {
    return (await readMany(this.#session, rows, ids)).map(toTask);
  }

  findByTokenMac(mac: string): Promise<Task | undefined> {
    return this.#first("WHERE token_mac = ?", [mac]);
  }

  openOfRunner(runnerId: number): Promise<readonly Task[]> {
    return this.#select(`WHERE runner_id = ? AND ${OPEN} ORDER BY id`, [runnerId]);
  }

  listOpen(afterId: number, limit: number): Promise<readonly Task[]> {
    return this.#select(`WHERE ${OPEN} AND id > ? ORDER BY id LIMIT ?`, [afterId, limit]);
  }

  listByJob(jobId: number): Promise<readonly Task[]> {
    return this.#select("WHERE job_id = ? ORDER BY id", [jobId]);
  }

  async list(
    filter: { runnerId?: number; repositoryId?: number; runId?: number },
    page: PageRequest,
  ): Promise<Page<Task>> {
    const { runnerId, repositoryId, runId } = filter;
    const equals = { runner_id: runnerId, repository_id: repositoryId, run_id: runId };
    const found = await readPage(this.#session, rows, { equals }, page);
    return { items: found.items.map(toTask), total: found.total };
  }

  async outputs(taskId: number): Promise<Readonly<Record<string, string>>> {
    const found = await this.#session.rows("SELECT name, output_value FROM task_output WHERE task_id = ?", [taskId]);
    return Object.fromEntries(found.map((row) => [String(row["name"]), String(row["output_value"])]));
  }

  async outputKeys(taskId: number): Promise<readonly string[]> {
    const found = await this.#session.rows("SELECT name FROM task_output WHERE task_id = ? ORDER BY name", [taskId]);
    return found.map((row) => String(row["name"]));
  }

  async insert(task: New<Task>, tokenMac: string): Promise<Task> {
    return { ...task, id: await this.#session.insert(rows, { ...task, tokenMac }) };
  }

  async update(
    id: number,
    patch: Partial<
      Pick<
        Task,
        "status" | "cause" | "acknowledgedAt" | "offeredAt" | "heartbeatAt" | "cancelSentAt" | "startedAt" | "stoppedAt"
      >
    >,
  ): Promise<void> {
    await this.#session.update(rows, patch, "id = ?", [id]);
  }

  async touch(heartbeats: readonly { id: number; heartbeatAt: number }[]): Promise<void> {
    // Always in the order of the ids, so that two replicas cannot wait for each other.
    const sorted = [...heartbeats].sort((a, b) => a.id - b.id);
    for (let from = 0; from < sorted.length; from += CHUNK) {
      const chunk = sorted.slice(from, from + CHUNK);
      const values = chunk.flatMap(({ id, heartbeatAt }) => [id, heartbeatAt]);
      await this.#session.run(touchStatement(this.#session.dialect, chunk.length), values);
    }
  }

  async setToken(id: number, tokenMac: string | null): Promise<void> {
    await this.#session.update(rows, { tokenMac }, "id = ?", [id]);
  }

  async saveSteps(id: number, steps: readonly TaskStep[]): Promise<void> {
    const lock = this.#session.dialect === "mysql" ? " FOR UPDATE" : "";
    const stored = (await this.#first(`WHERE id = ?${lock}`, [id]))?.steps;
    if (stored === undefined) return;
    const merged = new Map(stored.map((step) => [step.index, step]));
    for (const step of steps) merged.set(step.index, step);
    const next = [...merged.values()].sort((a, b) => a.index - b.index);
    if (JSON.stringify(next) === JSON.stringify(stored)) return;
    await this.#session.update(rows, { steps: next }, "id = ?", [id]);
  }

  async addOutputs(id: number, outputs: Readonly<Record<string, string>>): Promise<void> {
    const keep = keepExisting(this.#session.dialect, "name");
    for (const [name, value] of Object.entries(outputs)) {
      const sql = `INSERT INTO task_output (task_id, name, output_value) VALUES (?, ?, ?)${keep}`;
      await this.#session.run(sql, [id, name, value]);
    }
  }

  async #select(tail: string, values: readonly SqlValue[]): Promise<Task[]> {
    return (await this.#session.select(rows, tail, values)).map(toTask);
  }

  async #first(tail: string, values: readonly SqlValue[]): Promise<Task | undefined> {
    return (await this.#select(tail, values))[0];
  }
}

function toTask({ tokenMac, ...task }: TaskRow): Task {
  return task;
}

/** One UPDATE joined with a list of (id, time). */
function touchStatement(dialect: Session["dialect"], count: number): string {
  const set = `heartbeat_at = ${greatest(dialect)}(heartbeat_at, heard.at_ms)`;
  const select = `SELECT ? AS id, ? AS at_ms${" UNION ALL SELECT ?, ?".repeat(count - 1)}`;
  return dialect === "sqlite"
    ? `UPDATE task SET ${set} FROM (${select}) AS heard WHERE task.id = heard.id AND ${OPEN}`
    : `UPDATE task JOIN (${select}) AS heard ON task.id = heard.id SET ${set} WHERE ${OPEN}`;
}
