import type { Clock } from "../../lib/clock.ts";
import { isConclusion } from "../domain/run.ts";
import type { Task } from "../domain/task.ts";
import type { Store } from "../storage/store.ts";

/** What is known in memory of a task that has not ended. */
export interface OpenTask {
  /** As last read or written here. */
  task: Task;
  /** Last report, epoch ms; newer than the row, because a mere heartbeat is not written each time. */
  heartbeatAt: number;
  /** Keys of the stored outputs; undefined until they were read. */
  outputKeys: Set<string> | undefined;
  /** Since when the runner is suspected to have lost the task (it declared itself anew), or null. */
  suspectSince: number | null;
  /** The mark at the last change here. */
  changed: number;
}

const PAGE = 1_000;

/**
 * The tasks that have not ended, so that heartbeats, idle polls and the lease loop need no SQL. The rows in the
 * database decide; every writer puts its result here after its transaction.
 */
export class OpenTasks {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #tasks = new Map<number, OpenTask>();
  readonly #byRunner = new Map<number, Set<OpenTask>>();
  /** Tasks that ended here, by the mark at which, while rows are being read. */
  readonly #ended = new Map<number, number>();
  #mark = 0;
  #reading = 0;

  constructor(deps: { readonly store: Store; readonly clock: Clock }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
  }

  /** Number of open tasks. */
  get size(): number {
    return this.#tasks.size;
  }

  /** Grows with every change here; see `refresh`. */
  get mark(): number {
    return this.#mark;
  }

  /** Brings the memory in line with the database: at the start, and then every now and then. */
  async load(): Promise<void> {
    const before = new Set(this.#tasks.keys());
    this.#reading++;
    try {
      for (let after = 0; ; ) {
        const mark = this.#mark;
        const page = await this.#store.read.tasks.listOpen(after, PAGE);
        for (const task of page) {
          this.refresh(task, mark);
          before.delete(task.id);
        }
        const last = page.at(-1);
        if (last === undefined || page.length < PAGE) break;
        after = last.id;
      }
      for (const id of before) this.remove(id);
    } finally {
      if (--this.#reading === 0) this.#ended.clear();
    }
  }

  /**
   * Takes over a task as a reader found it; another replica may have changed it.
   * @param mark the mark before it was read: what was changed here since is newer
   */
  refresh(task: Task, mark: number): void {
    if ((this.#ended.get(task.id) ?? 0) > mark) return;
    const known = this.#tasks.get(task.id);
    if (known === undefined || known.changed <= mark) this.put(task);
    else known.heartbeatAt = Math.max(known.heartbeatAt, task.heartbeatAt);
  }

  /** An open task, or undefined when it has ended or does not exist. */
  get(taskId: number): OpenTask | undefined {
    return this.#tasks.get(taskId);
  }

  /** Takes over the newest state of a task; one that has ended is removed. */
  put(task: Task): void {
    if (isConclusion(task.status)) {
      this.remove(task.id);
      return;
    }
    const known = this.#tasks.get(task.id);
    if (known !== undefined) {
      known.task = task;
      known.changed = ++this.#mark;
      known.heartbeatAt = Math.max(known.heartbeatAt, task.heartbeatAt);
      return;
    }
    const changed = ++this.#mark;
    const open = { task, heartbeatAt: task.heartbeatAt, outputKeys: undefined, suspectSince: null, changed };
    this.#tasks.set(task.id, open);
    const siblings = this.#byRunner.get(task.runnerId);
    if (siblings === undefined) this.#byRunner.set(task.runnerId, new Set([open]));
    else siblings.add(open);
  }

  /** The task has ended. */
  remove(taskId: number): void {
    if (this.#reading > 0) this.#ended.set(taskId, ++this.#mark);
    const open = this.#tasks.get(taskId);
    if (open === undefined) return;
    this.#tasks.delete(taskId);
    const siblings = this.#byRunner.get(open.task.runnerId);
    siblings?.delete(open);
    if (siblings?.size === 0) this.#byRunner.delete(open.task.runnerId);
  }

  /**
   * Looks a task up before something rests on it that another replica may know better.
   * @returns undefined when it has ended
   */
  async lookUp(taskId: number): Promise<OpenTask | undefined> {
    const mark = this.#mark;
    this.#reading++;
    try {
      const task = await this.#store.read.tasks.get(taskId);
      if (task === undefined) this.remove(taskId);
      else this.refresh(task, mark);
    } finally {
      if (--this.#reading === 0) this.#ended.clear();
    }
    return this.#tasks.get(taskId);
  }

  /** Writes the heartbeats that are only known here, for the other replicas; one statement for all. */
  async saveHeartbeats(): Promise<void> {
    const heard = [...this.#tasks.values()].filter(({ heartbeatAt, task }) => heartbeatAt > task.heartbeatAt);
    if (heard.length === 0) return;
    const heartbeats = heard.map(({ task: { id }, heartbeatAt }) => ({ id, heartbeatAt }));
    await this.#store.write((tx) => tx.tasks.touch(heartbeats));
    for (const [index, open] of heard.entries()) {
      const heartbeatAt = heartbeats[index]?.heartbeatAt ?? 0;
      if (heartbeatAt > open.task.heartbeatAt) open.task = { ...open.task, heartbeatAt };
    }
  }

  /** The runner reported on the task. */
  heartbeat(open: OpenTask): void {
    open.heartbeatAt = this.#clock.now();
    open.suspectSince = null;
  }

  /** The open tasks of a runner. */
  ofRunner(runnerId: number): Iterable<OpenTask> {
    return this.#byRunner.get(runnerId) ?? NONE;
  }

  /** All open tasks. */
  all(): readonly OpenTask[] {
    return [...this.#tasks.values()];
  }
}

const NONE: readonly OpenTask[] = [];
