import { matches } from "../domain/labels.ts";
import { type Scope, scopeKey } from "../domain/scope.ts";
import { LazyHeap } from "./lazy-heap.ts";
import type { WaitingJob } from "./waiting-jobs.ts";

/** Why a parked poll ends: it got a job, its time is over (or its caller gone), or its runner was changed. */
export type ParkOutcome =
  | { readonly kind: "job"; readonly job: WaitingJob }
  | { readonly kind: "over" }
  | { readonly kind: "runner-changed" };

/** A FetchTask call that waits for a job. */
export interface ParkedPoll {
  readonly runnerId: number;
  readonly scope: Scope;
  readonly labels: ReadonlySet<string>;
  /** False for a runner that may not take a job now; it only waits for its time or for a change. */
  readonly eligible: boolean;
  /** The one job that the runner may do, or null for any. */
  readonly boundJobId: number | null;
  /** The runner's; higher goes first. */
  readonly priority: number;
  /** When the runner last worked, epoch ms; 0 when it has not. */
  readonly idleSince: number;
  /** Is told the outcome, once. */
  readonly settle: (outcome: ParkOutcome) => void;
}

interface Entry {
  readonly poll: ParkedPoll;
  readonly profile: Profile;
  readonly order: number;
  live: boolean;
}

/** Polls of one scope with the same labels. */
interface Profile {
  readonly key: string;
  readonly scope: string;
  readonly labels: ReadonlySet<string>;
  readonly heap: LazyHeap<Entry>;
}

/**
 * The parked polls. The best one for a job is that of the runner with the highest priority; among those a repository's
 * runner before an owner's before a global one, and then the one that has been idle for longest.
 */
export class ParkedPolls {
  readonly #entries = new Map<ParkedPoll, Entry>();
  readonly #byRunner = new Map<number, Set<ParkedPoll>>();
  /** Those of runners that may do one job only, by that job. */
  readonly #bound = new Map<number, Set<ParkedPoll>>();
  /** Profiles by scope, then by label set. */
  readonly #profiles = new Map<string, Map<string, Profile>>();
  #order = 0;

  /** Number of parked polls. */
  get size(): number {
    return this.#entries.size;
  }

  /** Parks a poll. */
  add(poll: ParkedPoll): void {
    const profile = this.#profile(poll);
    const entry: Entry = { poll, profile, order: ++this.#order, live: true };
    this.#entries.set(poll, entry);
    if (isOpen(poll)) profile.heap.push(entry);
    addTo(this.#byRunner, poll.runnerId, poll);
    if (poll.boundJobId !== null && poll.eligible) addTo(this.#bound, poll.boundJobId, poll);
  }

  /** Ends a poll with an outcome; does nothing when it has ended. */
  end(poll: ParkedPoll, outcome: ParkOutcome): void {
    const entry = this.#entries.get(poll);
    if (entry === undefined) return;
    this.#entries.delete(poll);
    entry.live = false;
    if (isOpen(poll)) entry.profile.heap.lost();
    if (entry.profile.heap.size === 0) this.#dropProfile(entry.profile);
    removeFrom(this.#byRunner, poll.runnerId, poll);
    if (poll.boundJobId !== null) removeFrom(this.#bound, poll.boundJobId, poll);
    poll.settle(outcome);
  }

  /** The poll of a runner that may do this job only. @param runnerId of this runner */
  boundTo(jobId: number, runnerId?: number): ParkedPoll | undefined {
    for (const poll of this.#bound.get(jobId) ?? []) {
      if (runnerId === undefined || poll.runnerId === runnerId) return poll;
    }
    return undefined;
  }

  /**
   * The best poll for a job; it stays parked.
   * @param wanted `emptyRunsOnMatches`: see `matches`; `label`: only runners that have this one, too
   */
  bestFor(
    job: WaitingJob,
    wanted: { readonly emptyRunsOnMatches: boolean; readonly label?: string },
  ): ParkedPoll | undefined {
    const scopes = [
      scopeKey({ kind: "repository", ownerId: job.ownerId, repositoryId: job.repositoryId }),
      scopeKey({ kind: "owner", ownerId: job.ownerId }),
      scopeKey({ kind: "global" }),
    ];
    let best: Entry | undefined;
    for (const scope of scopes) {
      const first = this.#bestOfScope(scope, job.runsOn, wanted);
      if (first !== undefined && (best === undefined || first.poll.priority > best.poll.priority)) best = first;
    }
    return best?.poll;
  }

  /** The parked polls of a runner. */
  ofRunner(runnerId: number): readonly ParkedPoll[] {
    return [...(this.#byRunner.get(runnerId) ?? [])];
  }

  /** All parked polls. */
  all(): readonly ParkedPoll[] {
    return [...this.#entries.keys()];
  }

  #bestOfScope(
    scope: string,
    runsOn: readonly string[],
    wanted: { readonly emptyRunsOnMatches: boolean; readonly label?: string },
  ): Entry | undefined {
    let best: Entry | undefined;
    for (const profile of this.#profiles.get(scope)?.values() ?? []) {
      if (!matches(runsOn, profile.labels, wanted)) continue;
      if (wanted.label !== undefined && !profile.labels.has(wanted.label)) continue;
      const first = profile.heap.peek();
      if (first !== undefined && (best === undefined || goesFirst(first, best))) best = first;
    }
    return best;
  }

  #profile(poll: ParkedPoll): Profile {
    const scope = scopeKey(poll.scope);
    const key = JSON.stringify([...poll.labels].sort());
    let ofScope = this.#profiles.get(scope);
    if (ofScope === undefined) {
      ofScope = new Map();
      this.#profiles.set(scope, ofScope);
    }
    let profile = ofScope.get(key);
    if (profile === undefined) {
      profile = { key, scope, labels: poll.labels, heap: new LazyHeap(goesFirst, isLive) };
      ofScope.set(key, profile);
    }
    return profile;
  }

  #dropProfile(profile: Profile): void {
    const ofScope = this.#profiles.get(profile.scope);
    // A profile of polls that were not eligible may have been replaced meanwhile.
    if (ofScope?.get(profile.key) !== profile) return;
    ofScope.delete(profile.key);
    if (ofScope.size === 0) this.#profiles.delete(profile.scope);
  }
}

function goesFirst(a: Entry, b: Entry): boolean {
  if (a.poll.priority !== b.poll.priority) return a.poll.priority > b.poll.priority;
  return a.poll.idleSince === b.poll.idleSince ? a.order < b.order : a.poll.idleSince < b.poll.idleSince;
}

function isLive(entry: Entry): boolean {
  return entry.live;
}

/** Whether the poll is for any job. */
function isOpen({ eligible, boundJobId }: ParkedPoll): boolean {
  return eligible && boundJobId === null;
}

function addTo(sets: Map<number, Set<ParkedPoll>>, key: number, poll: ParkedPoll): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([poll]));
  else set.add(poll);
}

function removeFrom(sets: Map<number, Set<ParkedPoll>>, key: number, poll: ParkedPoll): void {
  const set = sets.get(key);
  set?.delete(poll);
  if (set?.size === 0) sets.delete(key);
}
