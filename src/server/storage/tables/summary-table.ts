import { overwriteExisting } from "../dialect.ts";
import type { StepSummary, SummaryWrites } from "../job-service-store.ts";
import { stepSummaryEntity } from "../schema/job-service-entities.ts";
import { RowMapper } from "../schema/row-mapper.ts";
import type { Session } from "../session.ts";

const rows = new RowMapper<StepSummary & { taskId: number }>(stepSummaryEntity);

/** Step summaries. */
export class SummaryTable implements SummaryWrites {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async ofTask(taskId: number): Promise<readonly StepSummary[]> {
    const found = await this.#session.select(rows, "WHERE task_id = ? ORDER BY step_index", [taskId]);
    return found.map(({ step, content }) => ({ step, content }));
  }

  async put(taskId: number, step: number, content: string): Promise<void> {
    const end = overwriteExisting(this.#session.dialect, ["task_id", "step_index"], ["content"]);
    const sql = `INSERT INTO step_summary (task_id, step_index, content) VALUES (?, ?, ?)${end}`;
    await this.#session.run(sql, [taskId, step, content]);
  }
}
