/**
 * Weighted fair shares by start tags (start-time fair queueing): each repository has a clock that runs on by 1 / weight
 * with every job handed out, and the one that is furthest behind goes first. A repository that was idle starts at the
 * present, so that it neither owes nor has saved anything; thus its first job waits for at most one free slot, however
 * many jobs others have in the line.
 */
export interface FairShare {
  /** The present: the highest start of a job that was handed out. */
  readonly now: number;
  /** Where the clocks of repositories stand; those that are behind the present need not be there. */
  readonly clocks: ReadonlyMap<number, number>;
}

/** Nobody has been given anything. */
export const FRESH_SHARE: FairShare = { now: 0, clocks: new Map() };

/** Where the next job of a repository starts; the lowest start goes first. */
export function startOf(share: FairShare, repositoryId: number): number {
  return Math.max(share.now, share.clocks.get(repositoryId) ?? 0);
}

/** The shares after a job of a repository was handed out. @param weight above 0; with 2 it gets twice as much as with 1 */
export function handedOut(share: FairShare, repositoryId: number, weight: number): FairShare {
  const start = startOf(share, repositoryId);
  const now = Math.max(share.now, start);
  const clocks = new Map(share.clocks).set(repositoryId, start + 1 / weight);
  for (const [id, clock] of clocks) if (clock <= now) clocks.delete(id);
  return { now, clocks };
}
