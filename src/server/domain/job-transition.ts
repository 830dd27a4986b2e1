import { type Cause, type Conclusion, isConclusion, type Job } from "./run.ts";

/** What may happen to a job. */
export type JobEvent =
  /** Its needs are done, its condition holds, and caps and groups admit it. */
  | { readonly type: "ready" }
  /** A runner took it. */
  | { readonly type: "claimed"; readonly taskId: number; readonly delivery: number }
  /** Its task ended without having been acknowledged. */
  | { readonly type: "requeued" }
  /** Its task is winding down. */
  | { readonly type: "cancelling"; readonly cause: Cause }
  /** It ended: by its task, or without one (skipped, cancelled, could not be built). */
  | {
      readonly type: "ended";
      readonly conclusion: Conclusion;
      readonly cause: Cause;
      readonly message: string | null;
    };

/** What becomes of a job. */
export type JobTransition =
  | { readonly kind: "changed"; readonly job: Job }
  | { readonly kind: "ignored"; readonly why: string };

/**
 * The life of a job within one attempt; the picture is above JobStatus. The first final status wins. A job whose task
 * was never acknowledged keeps its place in the line (`readyAt`), but when it is being cancelled it ends instead.
 * @param now epoch ms
 */
export function jobTransition(job: Job, event: JobEvent, now: number): JobTransition {
  if (isConclusion(job.status)) return { kind: "ignored", why: `job ${job.id} has ended already: ${job.status}` };
  switch (event.type) {
    case "ready":
      return job.status === "blocked" ? changed({ ...job, status: "waiting", readyAt: now }) : wrong(job, event);
    case "claimed": {
      if (job.status !== "waiting") return wrong(job, event);
      const { taskId, delivery } = event;
      return changed({ ...job, status: "running", taskId, delivery, reservation: null, startedAt: now });
    }
    case "requeued":
      if (job.status === "cancelling") return changed({ ...job, status: "cancelled", stoppedAt: now });
      if (job.status !== "running") return wrong(job, event);
      return changed({ ...job, status: "waiting", taskId: null, startedAt: null });
    case "cancelling":
      if (job.status !== "running") return wrong(job, event);
      return changed({ ...job, status: "cancelling", cause: event.cause });
    case "ended":
      return changed({
        ...job,
        status: event.conclusion,
        cause: event.cause,
        message: event.message,
        stoppedAt: now,
      });
  }
}

function changed(job: Job): JobTransition {
  return { kind: "changed", job };
}

function wrong(job: Job, event: JobEvent): JobTransition {
  return { kind: "ignored", why: `job ${job.id} is ${job.status}, which does not go with ${event.type}` };
}
