/** Labels of everything that is made at an engine for a job; what is found with them after a crash belongs to its runner. */
export function containerLabels(owner: string, job: string): Record<string, string> {
  return { [OWNER]: owner, [JOB_LABEL]: job };
}

/** What all of one runner's things carry, as a filter. */
export function ownerFilter(owner: string): string {
  return `${OWNER}=${owner}`;
}

/** The label with the job's id. */
export const JOB_LABEL = "act-runner-ts.job";
const OWNER = "act-runner-ts.owner";
