import type { LogRow } from "../storage/log-store.ts";
import type { Store } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";
import { unknownTask } from "./update-task.ts";

/** Gitea cuts rows at the same length. */
const LONGEST_ROW_BYTES = 64 * 1024;
const REMEMBERED_TASKS = 10_000;

/** Rows of a task's log. */
export interface LogBatch {
  readonly taskId: number;
  /** Number of the first row. */
  readonly index: number;
  readonly rows: readonly LogRow[];
  /** Nothing follows. */
  readonly noMore: boolean;
}

/** Takes the log rows of runners (UpdateLog, reference/protocol.md §3.9). */
export class AppendLog {
  readonly #store: Store;
  readonly #openTasks: OpenTasks;
  readonly #changes: TaskChanges;
  /** Runner of tasks that have ended, for their last rows. */
  readonly #runnerOfEnded = new BoundedMap<number, number>(REMEMBERED_TASKS);

  constructor(deps: { readonly store: Store; readonly openTasks: OpenTasks; readonly changes: TaskChanges }) {
    this.#store = deps.store;
    this.#openTasks = deps.openTasks;
    this.#changes = deps.changes;
  }

  /**
   * Stores the rows that are new. Resolves when they are durable, with the number of rows that are stored; it never
   * falls. Rows that begin beyond that number are not stored, and neither are new ones after the end of the log.
   * @throws AppError not_found for a task that does not exist or is another runner's
   */
  async append(runnerId: number, batch: LogBatch): Promise<number> {
    const { taskId, index, rows, noMore } = batch;
    await this.#checkTask(runnerId, taskId);
    const { logs } = this.#store;
    const stored = rows.length === 0 ? await logs.length(taskId) : await logs.append(taskId, index, rows.map(storable));
    if (noMore && index + rows.length <= stored) await logs.finish(taskId);
    return stored;
  }

  /** The task must be this runner's; the first rows acknowledge it, later ones are a sign of life. */
  async #checkTask(runnerId: number, taskId: number): Promise<void> {
    const open = this.#openTasks.get(taskId);
    if (open === undefined) {
      if ((await this.#runnerOf(taskId)) !== runnerId) throw unknownTask(taskId);
      return;
    }
    if (open.task.runnerId !== runnerId) throw unknownTask(taskId);
    if (open.task.acknowledgedAt === null) await this.#changes.change(taskId, { type: "acknowledged" }, null);
    this.#openTasks.heartbeat(open);
  }

  async #runnerOf(taskId: number): Promise<number | undefined> {
    const known = this.#runnerOfEnded.get(taskId);
    if (known !== undefined) return known;
    const task = await this.#store.read.tasks.get(taskId);
    if (task !== undefined) this.#runnerOfEnded.set(taskId, task.runnerId);
    return task?.runnerId;
  }
}

/** A row as it is stored: one line, at most 64 KiB, never cut within a character. */
function storable(row: LogRow): LogRow {
  let { content } = row;
  if (content.includes("\n")) content = content.replaceAll("\n", "\\n");
  // No character takes more than three bytes per UTF-16 unit, so that most rows need not be measured.
  if (content.length * 3 > LONGEST_ROW_BYTES && Buffer.byteLength(content) > LONGEST_ROW_BYTES) content = cut(content);
  return content === row.content ? row : { time: row.time, content };
}

function cut(content: string): string {
  const bytes = Buffer.from(content);
  let end = LONGEST_ROW_BYTES;
  // Bytes 10xxxxxx continue a character; one that does not fit is left out.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}
