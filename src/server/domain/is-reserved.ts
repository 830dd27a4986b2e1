import type { Job } from "./run.ts";

/** Whether a job is kept for one runner (`reservation.runnerId`) at `now`, epoch ms. */
export function isReserved({ reservation }: Pick<Job, "reservation">, now: number): boolean {
  return reservation !== null && reservation.until > now;
}
