import type { Clock } from "../../lib/clock.ts";
import { errorText } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import { WakeUp } from "../../lib/wake-up.ts";
import type { GroupMember } from "../domain/concurrency-group.ts";
import type { Cause, Job } from "../domain/run.ts";
import type { Store, WriteTables } from "../storage/store.ts";
import type { JobGraphChange } from "./job-graph-port.ts";
import { openBelow, startedCall } from "./job-scope.ts";
import type { WorkflowGraph } from "./workflow-graph.ts";

/** What a replica that crashed left undone is looked for so often. */
const LOOK_EVERY_MS = 10_000;

/**
 * Tells runs what their concurrency groups have decided: whose turn it is, goes on; who is superseded, is cancelled.
 * What is decided is a row with `due`, written by whoever decided it; each is acted upon in a transaction of its own
 * run, by any replica, and once more where one crashed in between.
 */
export class GroupKeeper implements AsyncDisposable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #graph: Pick<WorkflowGraph, "settle" | "cancel">;
  readonly #applyGraph: (change: JobGraphChange) => void;
  readonly #cancelJobs: (jobs: readonly Pick<Job, "id">[], cause: Cause) => Promise<void>;
  readonly #stopping = new AbortController();
  readonly #woken = new WakeUp();
  /** Repositories in which something moved. */
  readonly #moved = new Set<number>();
  #loop: Promise<void> | undefined;

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly log: Logger;
    readonly graph: Pick<WorkflowGraph, "settle" | "cancel">;
    readonly applyGraph: (change: JobGraphChange) => void;
    readonly cancelJobs: (jobs: readonly Pick<Job, "id">[], cause: Cause) => Promise<void>;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#graph = deps.graph;
    this.#applyGraph = deps.applyGraph;
    this.#cancelJobs = deps.cancelJobs;
  }

  /** Begins to look for what is due. */
  start(): void {
    this.#loop = this.#run();
  }

  /**
   * Acts on what is due in a repository, once the transaction that has the lock of its groups has ended. It may be
   * called within that transaction: the work is the loop's.
   */
  look(repositoryId: number): void {
    this.#moved.add(repositoryId);
    this.#woken.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const due = this.#clock.now() + LOOK_EVERY_MS;
      await this.#attempt(async () => {
        for (const { repositoryId } of await this.#store.read.groups.due()) this.#moved.add(repositoryId);
      });
      while (!signal.aborted && this.#clock.now() < due) {
        const moved = [...this.#moved];
        this.#moved.clear();
        for (const repositoryId of moved) await this.#attempt(() => this.#lookAt(repositoryId));
        const within = { clock: this.#clock, ms: Math.max(0, due - this.#clock.now()) };
        if (this.#moved.size === 0) await this.#woken.wait({ within, signal });
      }
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.warn({ error: errorText(error) }, "a concurrency group cannot be looked at now; it is tried again");
    }
  }

  async #lookAt(repositoryId: number): Promise<void> {
    const due = await this.#store.write(async (tx) => {
      await tx.groups.lock(repositoryId);
      return await tx.groups.due(repositoryId);
    });
    for (const member of due) await this.#attempt(() => this.#tell(member));
  }

  async #tell(member: GroupMember): Promise<void> {
    const change = await this.#store.write((tx) => this.#decide(tx, member));
    if (change === undefined) return;
    this.#applyGraph({ ready: change.ready, toCancel: [] });
    await this.#cancelJobs(change.toCancel, member.state === "superseded" ? "superseded" : "failed");
    // Only now: a crash before it has the cancel asked for again.
    if (member.state === "superseded") await this.#store.write((tx) => tx.groups.update(member.id, { due: false }));
  }

  async #decide(tx: WriteTables, { id, runId }: GroupMember): Promise<JobGraphChange | undefined> {
    const run = await tx.runs.lock(runId);
    const member = (await tx.groups.ofRun(runId)).find((one) => one.id === id);
    if (run === undefined || member?.due !== true) return undefined;
    const now = this.#clock.now();
    if (member.state === "active") {
      await tx.groups.update(id, { due: false });
      return await this.#graph.settle(tx, runId, now);
    }
    if (member.jobId === null) return await this.#graph.cancel(tx, run, now, "superseded");
    const jobs = await tx.jobs.listByRun(runId);
    const job = jobs.find((one) => one.id === member.jobId);
    const called = job !== undefined && startedCall(job) !== undefined ? openBelow(job, jobs) : [];
    const work = called.length > 0 ? called.filter((one) => startedCall(one) === undefined) : job ? [job] : [];
    return { ready: [], toCancel: work };
  }
}
