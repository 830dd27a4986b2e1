import type { LogRows } from "../domain/log-rows.ts";
import type { Store } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";
import { unknownTask } from "./update-task.ts";

const REMEMBERED_TASKS = 10_000;

/** Rows of a task's log. */
export interface LogBatch {
  readonly taskId: number;
  /** Number of the first row. */
  readonly index: number;
  readonly rows: LogRows;
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
   * Stores the rows that are new. Resolves when they are durable, with the number of rows that are acknowledged; it
   * never falls. Rows that begin beyond that number are not stored. New ones after the end of the log are acknowledged
   * and dropped, since a runner repeats rows until they are: one that was given up would be busy with that for an hour.
   * @throws AppError not_found for a task that does not exist or is another runner's
   */
  async append(runnerId: number, batch: LogBatch): Promise<number> {
    const { taskId, index, rows, noMore } = batch;
    await this.#checkTask(runnerId, taskId);
    const { logs } = this.#store;
    const acked = await logs.append(taskId, index, rows);
    const end = index + rows.count;
    if (acked < end) return (await logs.state(taskId)).finished ? end : acked;
    if (noMore) await logs.finish(taskId);
    return acked;
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
