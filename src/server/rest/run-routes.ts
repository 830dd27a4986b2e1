import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { isConclusion, type Run } from "../domain/run.ts";
import type { Need } from "../services/access.ts";
import { actorOf } from "./authenticate.ts";
import { jobJson, jobShape } from "./job-json.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { id, openRepository, repoPath } from "./places.ts";
import { priority } from "./priority.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { sendRefusal } from "./rest-error.ts";
import { runJson, runShape } from "./run-json.ts";
import { jobListShape } from "./run-list-routes.ts";

const runPath = repoPath.extend({ run: id });
const jobPath = repoPath.extend({ job_id: id });
const base = "/repos/:owner/:repo/actions";

/** One run: read, cancel, repeat, delete; its jobs; one job. */
export function runRoutes(app: RestApp, deps: RestDeps): void {
  readRoutes(app, deps);
  priorityRoutes(app, deps);
  cancelRoutes(app, deps);
  rerunRoutes(app, deps);
}

/** A run that the caller may do this with. @throws AppError not_found, forbidden */
export async function openRun(
  deps: RestDeps,
  request: FastifyRequest & { readonly params: z.infer<typeof runPath> },
  need: Need,
): Promise<{ readonly repository: Repository; readonly run: Run }> {
  const repository = await openRepository(deps, request, request.params, need);
  return { repository, run: await deps.runs.get(repository, request.params.run) };
}

function readRoutes(app: RestApp, deps: RestDeps): void {
  app.get(
    `${base}/runs/:run`,
    { schema: { tags: ["runs"], summary: "A run", params: runPath, response: { 200: runShape } } },
    async (request) => {
      const { repository, run } = await openRun(deps, request, "read");
      return runJson(run, repository, deps.publicUrl());
    },
  );
  app.get(
    `${base}/runs/:run/jobs`,
    {
      schema: {
        ...{ tags: ["jobs"], summary: "Jobs of a run, in the order of the workflow", params: runPath },
        ...{ querystring: pageQuery, response: { 200: jobListShape } },
      },
    },
    async (request, reply) => {
      const { repository, run } = await openRun(deps, request, "read");
      const views = await deps.jobs.ofRun(run);
      const { page, limit } = request.query;
      setTotal(request, reply, deps.publicUrl(), request.query, views.length);
      const shown = views.slice((page - 1) * limit, page * limit);
      return { jobs: shown.map((view) => jobJson(view, repository, deps.publicUrl())), total_count: views.length };
    },
  );
  app.get(
    `${base}/jobs/:job_id`,
    { schema: { tags: ["jobs"], summary: "A job", params: jobPath, response: { 200: jobShape } } },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "read");
      return jobJson(await deps.jobs.get(repository, request.params.job_id), repository, deps.publicUrl());
    },
  );
}

const urgency = z.strictObject({ priority });

function priorityRoutes(app: RestApp, deps: RestDeps): void {
  app.patch(
    `${base}/runs/:run`,
    {
      schema: {
        tags: ["runs"],
        summary: "Changes the priority of a run's jobs that no runner has yet",
        ...{ params: runPath, body: urgency, response: { 200: runShape } },
      },
    },
    async (request) => {
      const { repository, run } = await openRun(deps, request, "write");
      await deps.runs.setPriority(run, request.body.priority, actorOf(request));
      return runJson(run, repository, deps.publicUrl());
    },
  );
  app.patch(
    `${base}/jobs/:job_id`,
    {
      schema: {
        tags: ["jobs"],
        summary: "Changes the priority of a job that no runner has yet",
        ...{ params: jobPath, body: urgency, response: { 200: jobShape } },
      },
    },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "write");
      const { job, run } = await deps.jobs.get(repository, request.params.job_id);
      await deps.runs.setPriority(run, request.body.priority, actorOf(request), job.id);
      return jobJson(await deps.jobs.get(repository, job.id), repository, deps.publicUrl());
    },
  );
}

function cancelRoutes(app: RestApp, deps: RestDeps): void {
  for (const force of [false, true]) {
    app.post(
      `${base}/runs/:run/${force ? "force-cancel" : "cancel"}`,
      {
        schema: {
          tags: ["runs"],
          summary: force ? "Cancels a run at once, without waiting for its runners" : "Cancels a run",
          ...{ params: runPath, response: { 200: runShape } },
        },
      },
      async (request) => {
        const { repository, run } = await openRun(deps, request, "write");
        await deps.runs.cancel(run, actorOf(request));
        if (force) await deps.runs.endCancelled(run, actorOf(request));
        return runJson(await deps.runs.get(repository, run.id), repository, deps.publicUrl());
      },
    );
  }
  app.delete(
    `${base}/runs/:run`,
    {
      schema: { tags: ["runs"], summary: "Deletes a run that has ended", params: runPath, response: { 204: z.null() } },
    },
    async (request, reply) => {
      const { run } = await openRun(deps, request, "owner");
      if (!isConclusion(run.status)) {
        const docs = `${deps.publicUrl()}/api/v1/openapi.json`;
        sendRefusal(reply, 400, `run ${run.id} has not ended yet; cancel it first`, docs);
        return reply;
      }
      await deps.runs.delete(run, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

function rerunRoutes(app: RestApp, deps: RestDeps): void {
  for (const which of ["all", "failed"] as const) {
    app.post(
      `${base}/runs/:run/${which === "all" ? "rerun" : "rerun-failed-jobs"}`,
      {
        schema: {
          tags: ["runs"],
          summary:
            which === "all"
              ? "Runs all jobs again"
              : "Runs the jobs again that did not succeed, and those that need them",
          ...{ params: runPath, response: { 201: runShape } },
        },
      },
      async (request, reply) => {
        const { repository, run } = await openRun(deps, request, "write");
        const again = await deps.runs.rerun(run, which, actorOf(request));
        return reply.code(201).send(runJson(again, repository, deps.publicUrl()));
      },
    );
  }
  app.get(
    `${base}/runs/:run/workflow`,
    {
      schema: {
        tags: ["runs"],
        summary: "The workflow file as it was at the run's commit",
        ...{ params: runPath, response: { 200: { content: { "text/plain": { schema: z.string() } } } } },
      },
    },
    async (request, reply) => {
      const { run } = await openRun(deps, request, "read");
      const source = await deps.runs.source(run);
      if (source === "") throw new AppError("not_found", `run ${run.id} has no workflow file any more`);
      return reply.type("text/plain; charset=utf-8").send(source);
    },
  );
}
