import type { JobLeg } from "../../workflow/expand-job.ts";
import type { PlannedJob } from "../../workflow/plan-run.ts";
import type { Job } from "../domain/run.ts";

/** Where a new job stands. */
export interface NewJobPlace {
  /** What its key begins with, see `JobScope`. */
  readonly prefix: string;
  /** Display name of its caller, or empty. */
  readonly callerName: string;
  readonly attempt: number;
  readonly priority: number;
  /** Epoch ms. */
  readonly now: number;
}

/** Fields of a job that the database gives when it is stored. */
export type Unplaced = "id" | "runId" | "repositoryId" | "ownerId";

/** The rows of a planned job: one for each leg, or a place holder until it can be expanded. All are blocked. */
export function blockedJobs(planned: PlannedJob, place: NewJobPlace): Omit<Job, Unplaced>[] {
  const common = {
    key: place.prefix + planned.key,
    needs: planned.needs,
    attempt: place.attempt,
    delivery: 0,
    status: "blocked" as const,
    cause: null,
    message: null,
    taskId: null,
    priority: place.priority,
    outputs: {},
    reservation: null,
    createdAt: place.now,
    readyAt: null,
    startedAt: null,
    stoppedAt: null,
  };
  if (!planned.dynamic) return planned.legs.map((leg) => ({ ...common, ...legFields(leg, place.callerName) }));
  return [{ ...common, name: nameBelow(place.callerName, planned.key), runsOn: [], continueOnError: false, leg: null }];
}

/** Fields of a job that come from its leg. @param callerName display name of the job that called it, or empty */
export function legFields(
  { name: own, runsOn, continueOnError, matrix, index, total, failFast, maxParallel, requeue }: JobLeg,
  callerName: string,
): Pick<Job, "name" | "runsOn" | "continueOnError" | "leg"> {
  const name = nameBelow(callerName, own);
  return {
    name,
    runsOn,
    continueOnError,
    leg: {
      name,
      runsOn: [...runsOn],
      matrix: { ...matrix },
      index,
      total,
      failFast,
      continueOnError,
      ...(maxParallel === undefined ? {} : { maxParallel }),
      ...(requeue === undefined ? {} : { requeue }),
    },
  };
}

/** `caller / called`, as GitHub shows it. */
export function nameBelow(callerName: string, name: string): string {
  return callerName === "" ? name : `${callerName} / ${name}`;
}
