import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Job } from "../domain/run.ts";
import type { Runner } from "../domain/runner.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import { type Actor, audit, SERVER_ACTOR } from "./audit.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { checkedLabels, truncated } from "./runner-fields.ts";
import type { RunnerIdentity } from "./runner-identity.ts";
import type { TaskChanges } from "./task-changes.ts";

/** How long a runner that was deleted in the middle of a job may report on it (GitHub's cancel-timeout). */
const WIND_DOWN_MS = 5 * 60_000;

/** What may be changed of a runner from outside. */
export type RunnerPatch = Partial<Pick<Runner, "name" | "description" | "disabled" | "priority">> & {
  /** They count in the place of the declared ones, whatever is declared later; null gives the declared ones back. */
  readonly labels?: readonly string[] | null;
};

/** Changes and deletes runners, and tells everything that remembers them. */
export class EditRunner {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #identity: RunnerIdentity;
  readonly #dispatcher: Dispatcher;
  readonly #changes: TaskChanges;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    readonly identity: RunnerIdentity;
    readonly dispatcher: Dispatcher;
    readonly changes: TaskChanges;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#identity = deps.identity;
    this.#dispatcher = deps.dispatcher;
    this.#changes = deps.changes;
  }

  /** Changes fields of a runner. @throws AppError not_found when it is gone; invalid for labels that cannot be */
  async update(runnerId: number, patch: RunnerPatch, actor: Actor): Promise<Runner> {
    const { name, description, labels, disabled, priority } = patch;
    const fields = {
      ...(name === undefined ? {} : { name: truncated(name.trim(), 255) }),
      ...(description === undefined ? {} : { description: truncated(description, 1024) }),
      ...(labels === undefined ? {} : { labelOverlay: labels === null ? null : checkedLabels(labels) }),
      ...(disabled === undefined ? {} : { disabled }),
      ...(priority === undefined ? {} : { priority }),
    };
    if (fields.name === "") throw new AppError("invalid", "a runner needs a name; give one");
    const runner = await this.#store.write(async (tx) => {
      if (!(await tx.runners.update(runnerId, fields))) throw missing(runnerId);
      const detail = { fields: Object.keys(fields) };
      await audit(tx, this.#clock.now(), actor, { action: "runner.update", target: `runner:${runnerId}`, detail });
      return await tx.runners.get(runnerId);
    });
    if (runner === undefined) throw missing(runnerId);
    this.#identity.refresh(runner);
    this.#dispatcher.runnerChanged(runnerId);
    return runner;
  }

  /** Deletes a runner; its running tasks end as `runner_deleted`, and it is told to end them. @throws AppError not_found when it is gone */
  async delete(runnerId: number, actor: Actor): Promise<void> {
    if (!(await this.#delete(runnerId, actor, { alsoBusy: true }))) throw missing(runnerId);
  }

  /** Deletes a runner that does nothing, for the clean-up. @returns false when it has a task, or is gone */
  deleteIdle(runnerId: number): Promise<boolean> {
    return this.#delete(runnerId, SERVER_ACTOR, { alsoBusy: false });
  }

  async #delete(runnerId: number, actor: Actor, { alsoBusy }: { readonly alsoBusy: boolean }): Promise<boolean> {
    const deleted = await this.#store.write(async (tx) => {
      const now = this.#clock.now();
      const runner = await tx.runners.lock(runnerId);
      if (runner === undefined) return undefined;
      const isBusy = (await tx.tasks.openOfRunner(runnerId)).length > 0;
      if (isBusy && !alsoBusy) return undefined;
      // In the middle of a job it has to hear that the job is over: refused at once, stock runners run it to its end.
      if (!(await tx.runners.delete(runnerId, now, isBusy ? now + WIND_DOWN_MS : null))) return undefined;
      await audit(tx, now, actor, { action: "runner.delete", target: `runner:${runnerId}` });
      return { freed: await freeItsJob(tx, runner) };
    });
    if (deleted === undefined) return false;
    await this.deleted([runnerId]);
    if (deleted.freed !== undefined) this.#dispatcher.jobsChanged([deleted.freed]);
    return true;
  }

  /** Runners were deleted (also elsewhere, with their repository or owner): what remembers them is told. */
  async deleted(runnerIds: readonly number[]): Promise<void> {
    for (const runnerId of runnerIds) {
      this.#identity.forget(runnerId);
      this.#dispatcher.runnerChanged(runnerId);
      for (const task of await this.#store.read.tasks.openOfRunner(runnerId)) {
        this.#log.warn({ task: task.id, runner: runnerId }, "a task ends because its runner was deleted");
        const message = "the runner was deleted while it ran the job";
        await this.#changes.change(task.id, { type: "runner-deleted" }, message);
      }
    }
  }
}

/** The job that was kept for a runner may be taken by others. */
async function freeItsJob(tx: WriteTables, { id, boundJobId }: Runner): Promise<Job | undefined> {
  const job = boundJobId === null ? undefined : await tx.jobs.get(boundJobId);
  if (job?.status !== "waiting" || job.reservation?.runnerId !== id) return undefined;
  return (await tx.jobs.update(job.id, ["waiting"], { reservation: null })) ? { ...job, reservation: null } : undefined;
}

function missing(runnerId: number): AppError {
  return new AppError("not_found", `there is no runner ${runnerId}`);
}
