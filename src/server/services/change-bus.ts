import type { WaitingJob } from "./waiting-jobs.ts";

/**
 * Something that other replicas remember, park on or stream, and that this one changed. A hint: what it says is looked
 * up in the database before anything rests on it, so that one that is lost, late, repeated or out of order does no harm.
 */
export type Change =
  /** A job waits and no runner here took it. */
  | { readonly kind: "job-waiting"; readonly job: WaitingJob }
  /** A job waits no more. */
  | { readonly kind: "job-gone"; readonly jobId: number }
  /** A task was given to a runner, is to be cancelled, or has ended. */
  | { readonly kind: "task"; readonly taskId: number; readonly runnerId: number }
  /** A runner's row was made, changed or deleted, or its token was changed. */
  | { readonly kind: "runner"; readonly runnerId: number }
  /** A runner reported a result, in time or not: it is done with the task. */
  | { readonly kind: "result"; readonly runnerId: number; readonly taskId: number }
  /** A runner named all tasks that it holds, and they are others than before. */
  | { readonly kind: "held"; readonly runnerId: number; readonly taskIds: readonly number[] }
  /** A runner opened its stream here; older ones are to end. `openedAt`: epoch ms of the database's clock. */
  | { readonly kind: "stream"; readonly runnerId: number; readonly openedAt: number }
  /** The rules by which jobs are handed out changed. */
  | { readonly kind: "dispatch-rules" };

/** How fast a change has to cross: somebody waits for it; or it only spares others a look in vain, and may take a second. */
export type Urgency = "now" | "soon";

/** How the replicas on one database tell each other what changed. What a replica itself changed it does not hear. */
export interface ChangeBus {
  /**
   * Tells the other replicas; to be called once the change is durable. Returns at once and never throws.
   * @param urgency @default now
   */
  publish(changes: readonly Change[], urgency?: Urgency): void;
  /** Calls back with what the others published, until disposed. */
  subscribe(listener: (changes: readonly Change[]) => void): Disposable;
}

/** The bus of a server that is alone on its database. */
export const LOCAL_BUS: ChangeBus = {
  publish: () => undefined,
  subscribe: () => ({ [Symbol.dispose]: () => undefined }),
};
