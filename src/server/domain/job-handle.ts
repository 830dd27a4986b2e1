/** An attempt of a job. */
export interface JobAttempt {
  readonly jobId: number;
  readonly attempt: number;
}

const FORM = /^([0-9a-f]{8})-([0-9a-f]{4})-8000-8([0-9a-f]{3})-([0-9a-f]{12})$/;

/**
 * The handle by which a runner asks for one attempt of a job (Forgejo's FetchSingleTask): a UUID of version 8 that holds
 * both numbers. It is a name and no secret: who asks must be a runner that may have the job.
 */
export function jobHandle({ jobId, attempt }: JobAttempt): string {
  const first = attempt.toString(16).padStart(12, "0");
  const last = jobId.toString(16).padStart(15, "0");
  return `${first.slice(0, 8)}-${first.slice(8)}-8000-8${last.slice(0, 3)}-${last.slice(3)}`;
}

/** Reads a handle; undefined when no job can have it. */
export function parseJobHandle(handle: string): JobAttempt | undefined {
  const match = FORM.exec(handle.toLowerCase());
  if (match === null) return undefined;
  const [, a = "", b = "", c = "", d = ""] = match;
  const [attempt, jobId] = [Number.parseInt(a + b, 16), Number.parseInt(c + d, 16)];
  return Number.isSafeInteger(jobId) ? { jobId, attempt } : undefined;
}
