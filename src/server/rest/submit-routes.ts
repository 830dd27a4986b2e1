import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import type { JsonValue } from "../../lib/json.ts";
import type { Repository } from "../domain/account.ts";
import { listWorkflows } from "../services/workflow-files.ts";
import { callerOf } from "./authenticate.ts";
import { openRepository, repoPath } from "./places.ts";
import { priority } from "./priority.ts";
import { replySignal } from "./reply-signal.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { runJson, runShape, runUrl, workflowId } from "./run-json.ts";

const inputs = z.record(z.string(), z.union([z.string(), z.boolean(), z.number(), z.null()]));
const workflowPath = repoPath.extend({ workflow: z.string().min(1) });
const base = "/repos/:owner/:repo/actions";

/** Starting runs: Gitea's dispatch, and our own call that says more; the list of workflows. */
export function submitRoutes(app: RestApp, deps: RestDeps): void {
  submitRoute(app, deps);
  dispatchRoute(app, deps);
  workflowRoutes(app, deps);
}

const submission = z.strictObject({
  /** `owner/name`. */
  repository: z.string(),
  /** File name in a workflow folder, or path. */
  workflow: z.string().min(1),
  ref: z.string().optional(),
  sha: z.string().optional(),
  event: z.string().optional(),
  inputs: inputs.optional(),
  /** Of the jobs that wait, those with the higher priority go first. */
  priority: priority.optional(),
});

const warningShape = z.object({ code: z.string(), message: z.string(), line: z.number(), column: z.number() });

function submitRoute(app: RestApp, deps: RestDeps): void {
  app.post(
    "/runs",
    {
      schema: {
        tags: ["runs"],
        summary: "Runs a workflow at a branch, tag or commit",
        ...{ body: submission, response: { 201: runShape.extend({ warnings: z.array(warningShape) }) } },
      },
    },
    async (request, reply) => {
      const { repository: fullName, ...rest } = request.body;
      const [owner = "", repo = "", ...more] = fullName.split("/");
      if (owner === "" || repo === "" || more.length > 0) {
        throw new AppError("invalid", `"${fullName}" is not a repository; write it as owner/name`);
      }
      const repository = await openRepository(deps, request, { owner, repo }, "write");
      const { run, warnings } = await submit(deps, request, reply, repository, rest);
      const found = warnings.map(({ code, message, range }) => ({
        code,
        message,
        line: range.line,
        column: range.column,
      }));
      return reply.code(201).send({ ...runJson(run, repository, deps.publicUrl()), warnings: found });
    },
  );
}

const dispatch = z.strictObject({
  ref: z.string().min(1),
  inputs: inputs.optional(),
  /** Forgejo's way to ask for the details. */
  return_run_info: z.boolean().optional(),
});

const dispatched = z.object({
  workflow_run_id: z.number(),
  run_url: z.string(),
  html_url: z.string(),
  id: z.number(),
  run_number: z.number(),
});

function dispatchRoute(app: RestApp, deps: RestDeps): void {
  app.post(
    `${base}/workflows/:workflow/dispatches`,
    {
      schema: {
        tags: ["workflows"],
        summary: "Runs a workflow for the event workflow_dispatch",
        params: workflowPath,
        querystring: z.object({ return_run_details: z.enum(["true", "false", "1", "0"]).optional() }),
        body: dispatch,
        response: { 200: dispatched, 201: dispatched, 204: z.null() },
      },
    },
    async (request, reply) => {
      const repository = await openRepository(deps, request, request.params, "write");
      const { ref, return_run_info: forgejo } = request.body;
      const event = "workflow_dispatch";
      const given = request.body.inputs === undefined ? {} : { inputs: request.body.inputs };
      const { run } = await submit(deps, request, reply, repository, {
        workflow: request.params.workflow,
        ref,
        event,
        ...given,
      });
      const details = request.query.return_run_details;
      if (details !== "true" && details !== "1" && forgejo !== true) return reply.code(204).send(null);
      return reply.code(forgejo === true ? 201 : 200).send({
        workflow_run_id: run.id,
        run_url: runUrl(deps.publicUrl(), repository, run.id),
        html_url: runJson(run, repository, deps.publicUrl()).html_url,
        id: run.id,
        run_number: run.number,
      });
    },
  );
}

interface Wanted {
  readonly workflow: string;
  readonly ref?: string | undefined;
  readonly sha?: string | undefined;
  readonly event?: string | undefined;
  readonly inputs?: { readonly [name: string]: JsonValue } | undefined;
  readonly priority?: number | undefined;
}

function submit(deps: RestDeps, request: FastifyRequest, reply: FastifyReply, repository: Repository, wanted: Wanted) {
  const caller = callerOf(request);
  const { workflow, ref, sha, event, inputs: values, priority: urgency } = wanted;
  const submitted = {
    repository,
    workflow,
    ...(ref === undefined ? {} : { ref }),
    ...(sha === undefined ? {} : { sha }),
    ...(event === undefined ? {} : { event }),
    ...(values === undefined ? {} : { inputs: values }),
    ...(urgency === undefined ? {} : { priority: urgency }),
    actor: { id: caller.accountId, name: caller.accountName },
  };
  return deps.submit(submitted, { signal: replySignal(reply) });
}

const workflowShape = z.object({
  id: z.string(),
  name: z.string(),
  path: z.string(),
  state: z.literal("active"),
  url: z.string(),
  html_url: z.string(),
});

function workflowRoutes(app: RestApp, deps: RestDeps): void {
  const list = async (
    request: FastifyRequest & { readonly params: z.infer<typeof repoPath> },
    reply: FastifyReply,
    ref: string | undefined,
  ) => {
    const repository = await openRepository(deps, request, request.params, "read");
    const waits = { signal: replySignal(reply) };
    const { sha } = await deps.mirrors.resolve(repository, ref === undefined ? {} : { ref }, waits);
    const paths = await listWorkflows(deps.mirrors, repository, sha, waits);
    const home = `${deps.publicUrl()}/api/v1/repos/${repository.ownerName}/${repository.name}/actions/workflows`;
    return paths.map((path) => ({
      ...{ id: workflowId(path), name: workflowId(path), path, state: "active" as const },
      url: `${home}/${encodeURIComponent(workflowId(path))}`,
      html_url: `${deps.publicUrl()}/${repository.ownerName}/${repository.name}/src/${path}`,
    }));
  };
  const querystring = z.object({ ref: z.string().optional() });
  const shape = z.object({ workflows: z.array(workflowShape), total_count: z.number() });
  app.get(
    `${base}/workflows`,
    {
      schema: {
        tags: ["workflows"],
        summary: "Workflows at a ref",
        params: repoPath,
        querystring,
        response: { 200: shape },
      },
    },
    async (request, reply) => {
      const workflows = await list(request, reply, request.query.ref);
      return { workflows, total_count: workflows.length };
    },
  );
  app.get(
    `${base}/workflows/:workflow`,
    {
      schema: {
        tags: ["workflows"],
        summary: "A workflow",
        params: workflowPath,
        querystring,
        response: { 200: workflowShape },
      },
    },
    async (request, reply) => {
      const wanted = request.params.workflow;
      const found = (await list(request, reply, request.query.ref)).find(
        (one) => one.id === wanted || one.path === wanted,
      );
      if (found === undefined) throw new AppError("not_found", `there is no workflow ${wanted} in the repository`);
      return found;
    },
  );
}
