import { z } from "zod";
import type { Repository } from "../domain/account.ts";
import type { Scope } from "../domain/scope.ts";
import { jobJson, jobShape } from "./job-json.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { PLACES, type Place } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { runJson, runShape } from "./run-json.ts";
import { statusFilter } from "./status-words.ts";

/** A query parameter that may be repeated. */
const words = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((value) => (value === undefined || value === "" ? [] : [value].flat()));

/** Filters of every list of runs. */
const runQuery = pageQuery.extend({
  status: words,
  event: z.string().optional(),
  branch: z.string().optional(),
  ref: z.string().optional(),
  head_sha: z.string().optional(),
  actor: z.string().optional(),
});

/** The list of runs. */
const runListShape = z.object({ workflow_runs: z.array(runShape), total_count: z.number() });
/** The list of jobs. */
export const jobListShape = z.object({ jobs: z.array(jobShape), total_count: z.number() });

/** The filter that a query asks for. */
function runFilter(query: z.infer<typeof runQuery>) {
  const statuses = statusFilter(query.status);
  const ref = query.ref ?? (query.branch === undefined ? undefined : fullBranch(query.branch));
  return {
    ...(statuses === undefined ? {} : { statuses }),
    ...(query.event === undefined ? {} : { event: query.event }),
    ...(ref === undefined ? {} : { ref }),
    ...(query.head_sha === undefined ? {} : { sha: query.head_sha }),
    ...(query.actor === undefined ? {} : { actorName: query.actor }),
  };
}

function fullBranch(branch: string): string {
  return branch.startsWith("refs/") ? branch : `refs/heads/${branch}`;
}

/** Lists of runs and jobs at the server, an owner, the caller and a repository. */
export function runListRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    runLists(app, deps, place);
    jobLists(app, deps, place);
  }
}

function runLists(app: RestApp, deps: RestDeps, place: Place): void {
  app.get(
    `${place.prefix}/runs`,
    {
      schema: {
        ...{ tags: ["runs"], summary: "Runs, newest first", params: place.params },
        ...{ querystring: runQuery, response: { 200: runListShape } },
      },
    },
    async (request, reply) => {
      const within = withinScope(await place.open(deps, request, "read"));
      const found = await deps.runs.list({ ...within, ...runFilter(request.query) }, request.query);
      const homes = await repositoriesOf(deps, found.items);
      setTotal(request, reply, deps.publicUrl(), request.query, found.total);
      const runs = found.items.flatMap((run) => {
        const home = homes.get(run.repositoryId);
        return home === undefined ? [] : [runJson(run, home, deps.publicUrl())];
      });
      return { workflow_runs: runs, total_count: found.total };
    },
  );
}

function jobLists(app: RestApp, deps: RestDeps, place: Place): void {
  app.get(
    `${place.prefix}/jobs`,
    {
      schema: {
        ...{ tags: ["jobs"], summary: "Jobs, newest first", params: place.params },
        ...{ querystring: pageQuery.extend({ status: words }), response: { 200: jobListShape } },
      },
    },
    async (request, reply) => {
      const within = withinScope(await place.open(deps, request, "read"));
      const statuses = statusFilter(request.query.status);
      const filter = { ...within, ...(statuses === undefined ? {} : { statuses }) };
      const found = await deps.jobs.list(filter, request.query);
      const homes = await repositoriesOf(
        deps,
        found.items.map((view) => view.job),
      );
      setTotal(request, reply, deps.publicUrl(), request.query, found.total);
      const jobs = found.items.flatMap((view) => {
        const home = homes.get(view.job.repositoryId);
        return home === undefined ? [] : [jobJson(view, home, deps.publicUrl())];
      });
      return { jobs, total_count: found.total };
    },
  );
}

/** The filter of a scope. */
export function withinScope(scope: Scope): { readonly repositoryId?: number; readonly ownerIds?: readonly number[] } {
  switch (scope.kind) {
    case "global":
      return {};
    case "owner":
      return { ownerIds: [scope.ownerId] };
    case "repository":
      return { repositoryId: scope.repositoryId };
  }
}

async function repositoriesOf(
  deps: RestDeps,
  rows: readonly { readonly repositoryId: number }[],
): Promise<ReadonlyMap<number, Repository>> {
  const homes = await deps.repositories.byIds([...new Set(rows.map((row) => row.repositoryId))]);
  return new Map(homes.map((home) => [home.id, home]));
}
