import { matches } from "../domain/labels.ts";
import type { Job } from "../domain/run.ts";
import { type Scope, scopeCovers } from "../domain/scope.ts";
import { LazyHeap } from "./lazy-heap.ts";

/** What the dispatcher remembers of a waiting job. */
export type WaitingJob = Pick<Job, "id" | "ownerId" | "repositoryId" | "runsOn" | "priority" | "readyAt" | "createdAt">;

/** Jobs of one repository with the same labels. */
interface Bucket {
  readonly ownerId: number;
  readonly repositoryId: number;
  readonly heap: LazyHeap<Entry>;
}

interface Entry {
  readonly job: WaitingJob;
  readonly bucket: Bucket;
  readonly group: Group;
  /** Number of the `add` call, to tell new entries from those a reconciliation knew. */
  readonly added: number;
  live: boolean;
}

interface Group {
  readonly key: string;
  readonly labels: readonly string[];
  readonly buckets: Map<number, Bucket>;
}

/**
 * The waiting jobs, by label set and repository; the higher priority goes first, then the one that waits for longer.
 * Only a hint: whether a job still waits is decided by the database when it is claimed.
 */
export class WaitingJobs {
  readonly #entries = new Map<number, Entry>();
  readonly #groups = new Map<string, Group>();
  #added = 0;

  /** Number of jobs. */
  get size(): number {
    return this.#entries.size;
  }

  /** Grows with every job that is added; see `dropUnseen`. */
  get mark(): number {
    return this.#added;
  }

  /** Adds a job; false when it is there already. */
  add(job: WaitingJob): boolean {
    if (this.#entries.has(job.id)) return false;
    const group = this.#group(job.runsOn);
    let bucket = group.buckets.get(job.repositoryId);
    if (bucket === undefined) {
      bucket = { ownerId: job.ownerId, repositoryId: job.repositoryId, heap: new LazyHeap(goesFirst, isLive) };
      group.buckets.set(job.repositoryId, bucket);
    }
    const { id, ownerId, repositoryId, priority, readyAt, createdAt } = job;
    const kept = { id, ownerId, repositoryId, priority, readyAt, createdAt, runsOn: group.labels };
    const entry: Entry = { job: kept, bucket, group, added: ++this.#added, live: true };
    this.#entries.set(id, entry);
    bucket.heap.push(entry);
    return true;
  }

  /** Removes a job; false when it is not there. */
  remove(jobId: number): boolean {
    const entry = this.#entries.get(jobId);
    if (entry === undefined) return false;
    this.#entries.delete(jobId);
    entry.live = false;
    entry.bucket.heap.lost();
    if (entry.bucket.heap.size > 0) return true;
    entry.group.buckets.delete(entry.bucket.repositoryId);
    if (entry.group.buckets.size === 0) this.#groups.delete(entry.group.key);
    return true;
  }

  /** Takes out the job that a runner with this scope and these labels should do first. */
  take(runner: { readonly scope: Scope; readonly labels: ReadonlySet<string> }): WaitingJob | undefined {
    let best: Entry | undefined;
    for (const group of this.#groups.values()) {
      if (!matches(group.labels, runner.labels)) continue;
      for (const bucket of bucketsOf(group, runner.scope)) {
        const first = bucket.heap.peek();
        if (first !== undefined && (best === undefined || goesFirst(first, best))) best = first;
      }
    }
    if (best === undefined) return undefined;
    this.remove(best.job.id);
    return best.job;
  }

  /** All jobs, first the one that should be done first. */
  inOrder(): WaitingJob[] {
    return [...this.#entries.values()].sort((a, b) => (goesFirst(a, b) ? -1 : 1)).map((entry) => entry.job);
  }

  /** Removes the jobs that were added up to `mark` and are not among `seen`. */
  dropUnseen(seen: ReadonlySet<number>, mark: number): void {
    for (const [id, entry] of this.#entries) if (entry.added <= mark && !seen.has(id)) this.remove(id);
  }

  #group(runsOn: readonly string[]): Group {
    const labels = [...new Set(runsOn)].sort();
    const key = JSON.stringify(labels);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { key, labels, buckets: new Map() };
      this.#groups.set(key, group);
    }
    return group;
  }
}

function* bucketsOf(group: Group, scope: Scope): Iterable<Bucket> {
  if (scope.kind === "repository") {
    const bucket = group.buckets.get(scope.repositoryId);
    if (bucket !== undefined) yield bucket;
    return;
  }
  for (const bucket of group.buckets.values()) if (scopeCovers(scope, bucket)) yield bucket;
}

function goesFirst(a: Entry, b: Entry): boolean {
  if (a.job.priority !== b.job.priority) return a.job.priority > b.job.priority;
  const [readyA, readyB] = [a.job.readyAt ?? a.job.createdAt, b.job.readyAt ?? b.job.createdAt];
  return readyA === readyB ? a.job.id < b.job.id : readyA < readyB;
}

function isLive(entry: Entry): boolean {
  return entry.live;
}
