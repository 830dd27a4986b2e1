import { z } from "zod";
import { jobHandle } from "../domain/job-handle.ts";
import { PLACES } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { withinScope } from "./run-list-routes.ts";

const waitingJob = z.object({
  id: z.number(),
  run_id: z.number(),
  attempt: z.number(),
  handle: z.string(),
  repo_id: z.number(),
  owner_id: z.number(),
  name: z.string(),
  needs: z.array(z.string()),
  runs_on: z.array(z.string()),
  task_id: z.number(),
  status: z.literal("waiting"),
});

/** Jobs that wait for a runner and are kept for none, in Forgejo's shape; what its autoscalers ask for. */
export function waitingJobRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    app.get(
      `${place.prefix}/runners/jobs`,
      {
        schema: {
          ...{ tags: ["runners"], summary: "Jobs that a runner with these labels could do now", params: place.params },
          ...{ querystring: z.object({ labels: z.string().optional() }), response: { 200: z.array(waitingJob) } },
        },
      },
      async (request) => {
        const within = withinScope(await place.open(deps, request, "read"));
        const { labels } = request.query;
        const given = labels === undefined || labels === "" ? undefined : labels.split(",");
        const found = await deps.jobs.offered(within, given);
        return found.map((job) => ({
          ...{ id: job.id, run_id: job.runId, attempt: job.attempt, name: job.name, task_id: 0 },
          status: "waiting" as const,
          handle: jobHandle({ jobId: job.id, attempt: job.attempt }),
          ...{ repo_id: job.repositoryId, owner_id: job.ownerId, needs: [...job.needs], runs_on: [...job.runsOn] },
        }));
      },
    );
  }
}
