import type { Clock } from "../../lib/clock.ts";
import { toAppError } from "../../lib/errors.ts";
import type { Task } from "../domain/task.ts";
import type { IdPage } from "../storage/housekeeping-store.ts";
import type { Store } from "../storage/store.ts";
import type { CancelJobs } from "./cancel-jobs.ts";
import type { EditRunner } from "./edit-runner.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { TaskChanges } from "./task-changes.ts";

/** From when on things are cleaned up; ages in milliseconds. */
export interface CleanUpSettings {
  /** A task that was not reported on for so long is given up (Gitea's ZOMBIE_TASK_TIMEOUT). */
  readonly zombieTaskMs: number;
  /** A task may run for so long (Gitea's ENDLESS_TASK_TIMEOUT). */
  readonly endlessTaskMs: number;
  /** A job that nothing happens to for so long is cancelled (Gitea's ABANDONED_JOB_TIMEOUT). */
  readonly abandonedJobMs: number;
  /** Logs are kept for so long; null: for ever. */
  readonly logRetentionMs: number | null;
  /** Rows of the audit log are kept for so long; null: for ever. */
  readonly auditRetentionMs: number | null;
  /** Runners that have not called for so long are deleted; null: they stay. */
  readonly offlineRunnerMs: number | null;
  /** The same for ephemeral ones. */
  readonly ephemeralRunnerMs: number | null;
}

/** What cleaning up needs around it. */
export interface CleanUpDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly openTasks: OpenTasks;
  readonly changes: TaskChanges;
  readonly cancelJobs: CancelJobs;
  readonly editRunner: EditRunner;
  readonly leaseKeeper: LeaseKeeper;
  readonly settings: CleanUpSettings;
}

type Options = { readonly signal: AbortSignal };

/** Rows in one go; in between others get their turn. */
const CHUNK = 200;
const PAUSE_MS = 20;
/** Rows of deleted runners are kept for so long, for those who look into old audit rows. */
const DELETED_RUNNERS_MS = 30 * 24 * 60 * 60_000;

/** The work of the periodic jobs that clean up, in chunks; each says in one sentence what it did. */
export class CleanUp {
  readonly #deps: CleanUpDeps;

  constructor(deps: CleanUpDeps) {
    this.#deps = deps;
  }

  /** Gives up tasks whose runner is silent. The leases do so much earlier; this is for what slipped past them. */
  async zombieTasks({ signal }: Options): Promise<string> {
    const { clock, changes, settings } = this.#deps;
    let count = 0;
    await this.#openTasks(signal, async (task) => {
      const limit = Math.max(settings.zombieTaskMs, task.cancelSentAt === null ? 0 : (task.cancelTimeoutMs ?? 0));
      if (clock.now() - this.#heardAt(task) <= limit) return;
      const cause = task.acknowledgedAt === null ? "not_acknowledged" : "runner_lost";
      await changes.change(
        task.id,
        { type: "expired", cause },
        `the runner did not report on the job for ${span(limit)}`,
      );
      count += 1;
    });
    return `${count} silent tasks were given up`;
  }

  /** Ends tasks that run for too long. */
  async endlessTasks({ signal }: Options): Promise<string> {
    const { clock, changes, settings } = this.#deps;
    const limit = settings.endlessTaskMs;
    let count = 0;
    await this.#openTasks(signal, async (task) => {
      if (clock.now() - task.startedAt <= limit) return;
      const message = `the job ran for more than ${span(limit)}, the limit of this server (--endless-task-timeout)`;
      await changes.change(task.id, { type: "expired", cause: "timeout" }, message);
      count += 1;
    });
    return `${count} endless tasks were ended`;
  }

  /** Cancels jobs that no runner took, and those that are blocked in a run where nothing happens. */
  async abandonedJobs({ signal }: Options): Promise<string> {
    const { store, clock, cancelJobs, settings } = this.#deps;
    const before = clock.now() - settings.abandonedJobMs;
    const find = (page: IdPage) => store.read.housekeeping.abandonedJobs(before, page);
    const message = `nothing happened to the job for ${span(settings.abandonedJobMs)} (--abandoned-job-timeout)`;
    const count = await this.#eachId(find, signal, (id) => cancelJobs.cancelIdle({ id }, "timeout", message));
    return `${count} abandoned jobs were cancelled`;
  }

  /** Deletes runners that can do nothing any more, and ephemeral ones that have not called for long. */
  async ephemeralRunners({ signal }: Options): Promise<string> {
    const { store, clock, editRunner, settings } = this.#deps;
    const now = clock.now();
    const remove = (id: number) => editRunner.deleteIdle(id);
    let count = await this.#eachId((page) => store.read.housekeeping.uselessRunners(now, page), signal, remove);
    if (settings.ephemeralRunnerMs !== null) {
      const before = now - settings.ephemeralRunnerMs;
      const find = (page: IdPage) => store.read.housekeeping.offlineRunners(before, { ephemeral: true }, page);
      count += await this.#eachId(find, signal, remove);
    }
    return `${count} runners for one job were deleted`;
  }

  /** Deletes runners that have not called for long. */
  async offlineRunners({ signal }: Options): Promise<string> {
    const { store, clock, editRunner, settings } = this.#deps;
    if (settings.offlineRunnerMs === null) return "runners that are away are kept";
    const before = clock.now() - settings.offlineRunnerMs;
    const find = (page: IdPage) => store.read.housekeeping.offlineRunners(before, { ephemeral: false }, page);
    return `${await this.#eachId(find, signal, (id) => editRunner.deleteIdle(id))} offline runners were deleted`;
  }

  /** Deletes the rows of old logs. */
  async expiredLogs({ signal }: Options): Promise<string> {
    const { store, clock, settings } = this.#deps;
    if (settings.logRetentionMs === null) return "logs are kept for ever";
    const before = clock.now() - settings.logRetentionMs;
    return `${await this.#untilNone(signal, () => store.logs.deleteExpired(before, CHUNK))} logs were deleted`;
  }

  /** Deletes old rows of the audit log, and what is left of runners that were deleted long ago. */
  async oldRows({ signal }: Options): Promise<string> {
    const { store, clock, settings } = this.#deps;
    const now = clock.now();
    const purge = (table: "purgeAudit" | "purgeRunners", ageMs: number) =>
      this.#untilNone(signal, () => store.write((tx) => tx.housekeeping[table](now - ageMs, CHUNK)));
    const audit = settings.auditRetentionMs === null ? 0 : await purge("purgeAudit", settings.auditRetentionMs);
    const runners = await purge("purgeRunners", DELETED_RUNNERS_MS);
    return `${audit} audit rows and ${runners} rows of deleted runners were deleted`;
  }

  /** The newest word on a task; time in which this server was away does not count as silence. */
  #heardAt({ id, heartbeatAt, startedAt }: Task): number {
    const { openTasks, leaseKeeper } = this.#deps;
    return Math.max(heartbeatAt, startedAt, openTasks.get(id)?.heartbeatAt ?? 0, leaseKeeper.freshFrom);
  }

  async #openTasks(signal: AbortSignal, judge: (task: Task) => Promise<void>): Promise<void> {
    const { store } = this.#deps;
    for (let after = 0; !signal.aborted; ) {
      const tasks = await store.read.tasks.listOpen(after, CHUNK);
      for (const task of tasks) if (!signal.aborted) await judge(task);
      after = tasks.at(-1)?.id ?? after;
      if (tasks.length < CHUNK) return;
      await this.#pause(signal);
    }
  }

  /** @param act false: there was nothing to do after all. What fails for one of them does not keep the others. */
  async #eachId(
    find: (page: IdPage) => Promise<readonly number[]>,
    signal: AbortSignal,
    act: (id: number) => Promise<boolean>,
  ): Promise<number> {
    let count = 0;
    for (let afterId = 0; !signal.aborted; ) {
      const ids = await find({ afterId, limit: CHUNK });
      for (const id of ids) {
        if (signal.aborted) return count;
        if (await act(id).catch(unlessItIsOwn)) count += 1;
      }
      afterId = ids.at(-1) ?? afterId;
      if (ids.length < CHUNK) return count;
      await this.#pause(signal);
    }
    return count;
  }

  async #untilNone(signal: AbortSignal, chunk: () => Promise<number>): Promise<number> {
    let count = 0;
    while (!signal.aborted) {
      const deleted = await chunk();
      count += deleted;
      if (deleted === 0) break;
      await this.#pause(signal);
    }
    return count;
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await this.#deps.clock.sleep(PAUSE_MS, { signal }).catch(() => undefined);
  }
}

/** A thing that has gone meanwhile is no failure. */
function unlessItIsOwn(error: unknown): boolean {
  const { code } = toAppError(error);
  if (code === "not_found" || code === "conflict") return false;
  throw error;
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}
