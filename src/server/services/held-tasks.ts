import type { Clock } from "../../lib/clock.ts";
import { isConclusion } from "../domain/run.ts";
import type { Store } from "../storage/store.ts";
import type { OpenTask, OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";

/** A task that its runner is to stop; `ended`: nothing that it reports on the task counts any more. */
export interface TaskToStop {
  readonly taskId: number;
  readonly ended: boolean;
}

/** Takes a runner's list of the tasks that it holds: a heartbeat of each, and a doubt about those that are missing. */
export class HeldTasks {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #openTasks: OpenTasks;
  readonly #changes: TaskChanges;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly openTasks: OpenTasks;
    readonly changes: TaskChanges;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#openTasks = deps.openTasks;
    this.#changes = deps.changes;
  }

  /**
   * Notes what a runner holds; naming a task acknowledges it. One that the runner acknowledged earlier and does not
   * name is suspected to be lost.
   * @returns those of the named tasks that it is to stop
   */
  async take(runnerId: number, taskIds: readonly number[]): Promise<readonly TaskToStop[]> {
    const held = new Set(taskIds);
    const stop: TaskToStop[] = [];
    for (const taskId of held) {
      const open = await this.#openTask(runnerId, taskId);
      if (open === undefined) {
        stop.push({ taskId, ended: true });
        continue;
      }
      if (open.task.acknowledgedAt === null) await this.#changes.change(taskId, { type: "acknowledged" }, null);
      this.#openTasks.heartbeat(open);
      if (open.task.status === "cancelling") stop.push({ taskId, ended: false });
    }
    for (const open of this.#openTasks.ofRunner(runnerId)) {
      if (!held.has(open.task.id) && open.task.acknowledgedAt !== null) open.suspectSince ??= this.#clock.now();
    }
    return stop;
  }

  /** The runner's open task; the database is asked before a runner is told that its task has ended. */
  async #openTask(runnerId: number, taskId: number): Promise<OpenTask | undefined> {
    const known = this.#openTasks.get(taskId);
    if (known !== undefined) return known.task.runnerId === runnerId ? known : undefined;
    const task = await this.#store.read.tasks.get(taskId);
    if (task === undefined || task.runnerId !== runnerId || isConclusion(task.status)) return undefined;
    this.#openTasks.put(task);
    return this.#openTasks.get(taskId);
  }
}
