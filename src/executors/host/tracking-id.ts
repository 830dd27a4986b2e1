import type { EnvMarker } from "../../drivers/process/process-table.ts";

/**
 * The variable that every process of a job carries, as with GitHub's runner. A script that clears it for a command
 * (`RUNNER_TRACKING_ID= server &`) lets that process outlive the job, on purpose, as there.
 */
export const TRACKING_VARIABLE = "RUNNER_TRACKING_ID";

/**
 * Says to whom a process belongs: `act-runner:<owner>:<job>:<exec>`.
 *
 * @param owner the runner's uuid
 */
export function trackingId(owner: string, job: string, exec: number): string {
  return `${ownerPrefix(owner)}${job}:${exec}`;
}

/** The processes of one exec of a job. */
export function execMarker(owner: string, job: string, exec: number): EnvMarker {
  const own = trackingId(owner, job, exec);
  return { name: TRACKING_VARIABLE, accepts: (value) => value === own };
}

/** The processes of a job. */
export function jobMarker(owner: string, job: string): EnvMarker {
  return { name: TRACKING_VARIABLE, accepts: (value) => value.startsWith(`${ownerPrefix(owner)}${job}:`) };
}

/** The processes of a runner's jobs, but for those jobs that `isLive` knows. */
export function orphanMarker(owner: string, isLive: (job: string) => boolean): EnvMarker {
  const prefix = ownerPrefix(owner);
  return {
    name: TRACKING_VARIABLE,
    accepts: (value) => {
      if (!value.startsWith(prefix)) return false;
      const job = value.slice(prefix.length, value.lastIndexOf(":"));
      return !isLive(job);
    },
  };
}

function ownerPrefix(owner: string): string {
  return `act-runner:${owner}:`;
}
