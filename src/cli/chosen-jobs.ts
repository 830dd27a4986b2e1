import { AppError } from "../lib/errors.ts";
import type { RestClient } from "./rest-client.ts";
import type { RestJob } from "./rest-types.ts";
import type { FoundRun } from "./run-lookup.ts";

/** The jobs of a run, or those of this name or id. Throws `not_found` that lists the jobs there are. */
export async function chosenJobs(
  client: RestClient,
  { run, actions }: FoundRun,
  wanted: string | undefined,
): Promise<readonly RestJob[]> {
  const all = await client.list<RestJob>(`${actions}/runs/${run.id}/jobs`, "jobs");
  const jobs = all.filter(({ id, name }) => wanted === undefined || wanted === name || wanted === String(id));
  if (jobs.length > 0) return jobs;
  const names = all.map(({ name }) => name).join(", ");
  throw new AppError("not_found", `run ${run.id} has no job ${wanted ?? "at all"}: its jobs are ${names}`);
}
