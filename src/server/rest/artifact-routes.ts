import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { fileName } from "../../jobservices/artifact-v4-endpoints.ts";
import { DOWNLOAD_MS } from "../../jobservices/services.ts";
import { AppError } from "../../lib/errors.ts";
import type { Repository } from "../domain/account.ts";
import { artifactJson, artifactListShape, artifactShape } from "./artifact-json.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { id, openRepository, repoPath } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { openRun } from "./run-routes.ts";

const base = "/repos/:owner/:repo/actions";
const artifactPath = repoPath.extend({ artifact_id: id });
const listQuery = pageQuery.extend({ name: z.string().optional() });
type ListRequest = FastifyRequest & { readonly query: z.infer<typeof listQuery> };

/** Artifacts of runs and repositories: list, read, download, delete. */
export function artifactRoutes(app: RestApp, deps: RestDeps): void {
  listRoutes(app, deps);
  app.get(
    `${base}/artifacts/:artifact_id`,
    { schema: { tags: ["artifacts"], summary: "An artifact", params: artifactPath, response: { 200: artifactShape } } },
    async (request) => {
      const repository = await openRepository(deps, request, request.params, "read");
      const artifact = await deps.keptFiles.artifact(repository.id, request.params.artifact_id);
      return artifactJson(artifact, repository, deps.publicUrl(), deps.clock.now());
    },
  );
  app.get(
    `${base}/artifacts/:artifact_id/zip`,
    { schema: { tags: ["artifacts"], summary: "Address of its file, valid for an hour", params: artifactPath } },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "read");
      const { id: found } = await deps.keptFiles.artifact(repository.id, request.params.artifact_id);
      const { artifacts, addresses } = deps.jobServices;
      const artifact = await artifacts.readable(found);
      const grant = { action: "read", kind: "artifact", id: found } as const;
      return reply.redirect(addresses.sign(deps.publicUrl(), grant, fileName(artifact), DOWNLOAD_MS), 302);
    },
  );
  app.delete(
    `${base}/artifacts/:artifact_id`,
    {
      schema: {
        ...{ tags: ["artifacts"], summary: "Deletes an artifact with its file", params: artifactPath },
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "write");
      await deps.jobServices.artifacts.delete(await deps.keptFiles.artifact(repository.id, request.params.artifact_id));
      return reply.code(204).send(null);
    },
  );
  summaryRoute(app, deps);
}

function listRoutes(app: RestApp, deps: RestDeps): void {
  const schema = { tags: ["artifacts"], querystring: listQuery, response: { 200: artifactListShape } };
  app.get(
    `${base}/artifacts`,
    { schema: { ...schema, summary: "Artifacts of a repository, newest first", params: repoPath } },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "read");
      return await list(deps, request, reply, repository);
    },
  );
  app.get(
    `${base}/runs/:run/artifacts`,
    { schema: { ...schema, summary: "Artifacts of a run, newest first", params: repoPath.extend({ run: id }) } },
    async (request, reply) => {
      const { repository, run } = await openRun(deps, request, "read");
      return await list(deps, request, reply, repository, run.id);
    },
  );
}

async function list(
  deps: RestDeps,
  request: ListRequest,
  reply: FastifyReply,
  repository: Repository,
  runId?: number,
): Promise<z.infer<typeof artifactListShape>> {
  const { name, ...page } = request.query;
  const filter = {
    repositoryId: repository.id,
    ...(runId === undefined ? {} : { runId }),
    ...(name === undefined ? {} : { name }),
  };
  const { items, total } = await deps.keptFiles.artifacts(filter, page);
  setTotal(request, reply, deps.publicUrl(), page, total);
  const now = deps.clock.now();
  return {
    artifacts: items.map((artifact) => artifactJson(artifact, repository, deps.publicUrl(), now)),
    total_count: total,
  };
}

/** Not in Gitea's interface, which shows summaries on its pages alone. */
function summaryRoute(app: RestApp, deps: RestDeps): void {
  app.get(
    `${base}/jobs/:job_id/summary`,
    {
      schema: {
        ...{ tags: ["jobs"], summary: "What the job's steps wrote to GITHUB_STEP_SUMMARY" },
        params: repoPath.extend({ job_id: id }),
        querystring: z.object({ attempt: z.coerce.number().int().min(1).optional() }),
        response: { 200: { content: { "text/markdown": { schema: z.string() } } } },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "read");
      const { job } = await deps.jobs.get(repository, request.params.job_id);
      const task = await deps.jobs.taskOf(job, request.query.attempt);
      if (task === undefined) throw new AppError("not_found", `job ${job.id} has not been started`);
      const summaries = await deps.keptFiles.summaries(task.id);
      const text = summaries.map(({ content }) => (content.endsWith("\n") ? content : `${content}\n`)).join("\n");
      return reply.type("text/markdown; charset=utf-8").send(text);
    },
  );
}
