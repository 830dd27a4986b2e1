import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Store } from "../storage/store.ts";
import type { OpenTask, OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";
import type { TaskPayload, TaskPayloads } from "./task-payload.ts";
import type { TokenHasher } from "./token-hasher.ts";

/** A task that was not acknowledged for so long is offered to its runner again. */
const OFFER_AGAIN_AFTER_MS = 10_000;

/** Offers tasks that a runner was given and never acknowledged once more, under the same id and with a new token. */
export class OfferAgain {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #ids: Ids;
  readonly #log: Logger;
  readonly #hasher: TokenHasher;
  readonly #payloads: TaskPayloads;
  readonly #openTasks: OpenTasks;
  readonly #changes: TaskChanges;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Logger;
    readonly hasher: TokenHasher;
    readonly payloads: TaskPayloads;
    readonly openTasks: OpenTasks;
    readonly changes: TaskChanges;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#log = deps.log;
    this.#hasher = deps.hasher;
    this.#payloads = deps.payloads;
    this.#openTasks = deps.openTasks;
    this.#changes = deps.changes;
  }

  /**
   * The runner's task that is due to be offered again, or when (epoch ms) one will be; infinite when there is none.
   * @param requestKey a repeated call under the key that made a task is given it at once
   */
  due(runnerId: number, requestKey: string | null): { readonly open?: OpenTask; readonly at: number } {
    let at = Number.POSITIVE_INFINITY;
    for (const open of this.#openTasks.ofRunner(runnerId)) {
      const { task } = open;
      if (task.acknowledgedAt !== null || task.status !== "running") continue;
      const repeated = requestKey !== null && task.requestKey === requestKey;
      const offerAt = repeated ? 0 : task.offeredAt + OFFER_AGAIN_AFTER_MS;
      if (offerAt <= this.#clock.now()) return { open, at: offerAt };
      at = Math.min(at, offerAt);
    }
    return { at };
  }

  /** @returns undefined when the task has ended or was acknowledged meanwhile */
  async offer(open: OpenTask): Promise<TaskPayload | undefined> {
    const taskId = open.task.id;
    // At once, so that another call of the same runner does not offer it too.
    open.task = { ...open.task, offeredAt: this.#clock.now() };
    const job = await this.#store.read.jobs.get(open.task.jobId);
    if (job === undefined || job.taskId !== taskId) return await this.#lookAgain(taskId);
    const draft = await this.#payloads.draft(job);
    const token = this.#ids.token();
    const change = await this.#changes.inTurn(taskId, async (tx) => {
      const task = await this.#changes.locked(tx, taskId);
      if (task === undefined || task.status !== "running" || task.acknowledgedAt !== null) return undefined;
      await tx.tasks.setToken(taskId, this.#hasher.mac(token));
      return await this.#changes.write(tx, task, { type: "offered" }, null);
    });
    if (change === undefined) return await this.#lookAgain(taskId);
    this.#changes.apply(change);
    this.#log.info({ task: taskId, runner: open.task.runnerId }, "a task that was not acknowledged is offered again");
    return this.#payloads.complete(draft, change.task, token);
  }

  /** The memory was out of date: without this the task would be due for ever. */
  async #lookAgain(taskId: number): Promise<undefined> {
    const task = await this.#store.read.tasks.get(taskId);
    if (task === undefined || task.acknowledgedAt === null) this.#openTasks.remove(taskId);
    else this.#openTasks.put(task);
  }
}
