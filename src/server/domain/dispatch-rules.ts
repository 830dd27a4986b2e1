/** How the jobs of a repository are handed out; set by an administrator or the owner. */
export interface DispatchRules {
  /** Share of the free slots against other repositories that want them too, above 0. */
  readonly weight: number;
  /** A label, such as a region, that a runner should have for the jobs of this repository, or null. */
  readonly preferredLabel: string | null;
  /** How long a job waits for a runner with the preferred label before any other may take it. */
  readonly preferredWaitMs: number;
  /** Whether a job whose runner was lost or deleted waits for another one; see `mayRequeue`. */
  readonly requeue: RequeuePolicy;
}

/** `unstarted`: only when no step had started. */
export type RequeuePolicy = "never" | "unstarted" | "always";

/** The rules of a repository for which nothing was set. */
export const DEFAULT_DISPATCH_RULES: DispatchRules = {
  weight: 1,
  preferredLabel: null,
  preferredWaitMs: 0,
  requeue: "unstarted",
};
