import type { DispatchRules } from "../domain/dispatch-rules.ts";
import { FRESH_SHARE, handedOut, startOf } from "../domain/fair-share.ts";
import { matches } from "../domain/labels.ts";
import type { Job } from "../domain/run.ts";
import { type Scope, scopeCovers } from "../domain/scope.ts";
import type { DispatchSettings } from "./dispatch-settings.ts";
import { LazyHeap } from "./lazy-heap.ts";

/** What the dispatcher remembers of a waiting job. */
export type WaitingJob = Pick<
  Job,
  "id" | "ownerId" | "repositoryId" | "runsOn" | "priority" | "readyAt" | "createdAt" | "reservation"
>;

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

/** What a choice among waiting jobs rests on. */
export interface Choice {
  readonly runner: { readonly scope: Scope; readonly labels: ReadonlySet<string> };
  readonly now: number;
  readonly settings: Pick<DispatchSettings, "of" | "emptyRunsOnMatches">;
}

/** Until when (epoch ms) a job is kept for runners with its repository's preferred label. */
export function keptUntil(job: WaitingJob, { preferredLabel, preferredWaitMs }: DispatchRules): number {
  return preferredLabel === null ? 0 : (job.readyAt ?? job.createdAt) + preferredWaitMs;
}

/**
 * The waiting jobs, by label set and repository; the higher priority goes first, then the repository that had less than
 * its share, then the job that waits for longer.
 * Only a hint: whether a job still waits is decided by the database when it is claimed.
 */
export class WaitingJobs {
  readonly #entries = new Map<number, Entry>();
  readonly #groups = new Map<string, Group>();
  #added = 0;
  #share = FRESH_SHARE;

  /** Number of jobs. */
  get size(): number {
    return this.#entries.size;
  }

  /** Grows with every job that is added; see `dropUnseen`. */
  get mark(): number {
    return this.#added;
  }

  /** Adds a job; false when it is there already. One whose priority was changed takes its new place. */
  add(job: WaitingJob): boolean {
    const known = this.#entries.get(job.id);
    if (known !== undefined && known.job.priority === job.priority) return false;
    this.remove(job.id);
    const group = this.#group(job.runsOn);
    let bucket = group.buckets.get(job.repositoryId);
    if (bucket === undefined) {
      bucket = { ownerId: job.ownerId, repositoryId: job.repositoryId, heap: new LazyHeap(goesFirst, isLive) };
      group.buckets.set(job.repositoryId, bucket);
    }
    const { id, ownerId, repositoryId, priority, readyAt, createdAt, reservation } = job;
    const kept = { id, ownerId, repositoryId, priority, readyAt, createdAt, reservation, runsOn: group.labels };
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

  /** Whether a job is there. */
  has(jobId: number): boolean {
    return this.#entries.has(jobId);
  }

  /** Takes out the job that a runner should do first; it counts as handed out. */
  take({ runner, now, settings }: Choice): WaitingJob | undefined {
    let best: Entry | undefined;
    for (const group of this.#groups.values()) {
      if (!matches(group.labels, runner.labels, settings)) continue;
      for (const bucket of bucketsOf(group, runner.scope)) {
        const first = bucket.heap.peek();
        if (first === undefined || (best !== undefined && !this.#isBefore(first, best))) continue;
        const rules = settings.of(bucket.repositoryId);
        const preferred = rules.preferredLabel === null || runner.labels.has(rules.preferredLabel);
        if (preferred || keptUntil(first.job, rules) <= now) best = first;
      }
    }
    if (best === undefined) return undefined;
    this.remove(best.job.id);
    this.handedOut(best.job, settings.of(best.job.repositoryId).weight);
    return best.job;
  }

  /** Takes out this job for a runner that does no other; undefined when it is not there. */
  takeOne(jobId: number, settings: Pick<DispatchSettings, "of">): WaitingJob | undefined {
    const job = this.#entries.get(jobId)?.job;
    if (job === undefined) return undefined;
    this.remove(jobId);
    this.handedOut(job, settings.of(job.repositoryId).weight);
    return job;
  }

  /** A job went to a runner: its repository's share is used up by one. */
  handedOut({ repositoryId }: WaitingJob, weight: number): void {
    this.#share = handedOut(this.#share, repositoryId, weight);
  }

  #isBefore(a: Entry, b: Entry): boolean {
    if (a.job.priority !== b.job.priority || a.bucket.repositoryId === b.bucket.repositoryId) return goesFirst(a, b);
    const [startA, startB] = [startOf(this.#share, a.bucket.repositoryId), startOf(this.#share, b.bucket.repositoryId)];
    return startA === startB ? goesFirst(a, b) : startA < startB;
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
