import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import { actorOf } from "./authenticate.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { id, PLACES, type Place } from "./places.ts";
import { priority } from "./priority.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { runnerJson, runnerShape } from "./runner-json.ts";

const flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");

const newRunner = z.strictObject({
  name: z.string().min(1).max(255),
  description: z.string().max(1024).optional(),
  ephemeral: z.boolean().optional(),
  labels: z.array(z.string()).optional(),
});

const runnerPatch = z.strictObject({
  name: z.string().min(1).max(255).optional(),
  disabled: z.boolean().optional(),
  description: z.string().max(1024).optional(),
  /** They count in the place of what the runner declares, now and later; null gives the declared ones back. */
  labels: z.array(z.string()).nullable().optional(),
  priority: priority.optional(),
});

/** Runners and registration tokens, at the server, an owner, the caller and a repository. */
export function runnerRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    tokenRoutes(app, deps, place);
    listRoutes(app, deps, place);
    changeRoutes(app, deps, place);
  }
  // Gitea before 1.26 and Forgejo have it here too.
  app.get(
    "/admin/runners/registration-token",
    {
      schema: { tags: ["runners"], summary: "Current registration token of the server", response: { 200: tokenShape } },
    },
    async (request) => {
      const scope = await adminPlace().open(deps, request, "owner");
      return { token: await deps.registrationTokens.current(scope, actorOf(request)) };
    },
  );
}

const tokenShape = z.object({ token: z.string() });

function adminPlace(): Place {
  const [admin] = PLACES;
  if (admin === undefined) throw new AppError("internal", "there is no place for the server's own runners");
  return admin;
}

function tokenRoutes(app: RestApp, deps: RestDeps, place: Place): void {
  const url = `${place.prefix}/runners/registration-token`;
  const schema = { tags: ["runners"], params: place.params, response: { 200: tokenShape } };
  for (const method of ["GET", "POST"] as const) {
    app.route({
      method,
      url,
      schema: { ...schema, summary: "Current registration token; the first call makes it" },
      handler: async (request) => {
        const scope = await place.open(deps, request, "owner");
        return { token: await deps.registrationTokens.current(scope, actorOf(request)) };
      },
    });
  }
  app.post(
    `${url}/reset`,
    { schema: { ...schema, summary: "Makes a new registration token; older ones of this scope stop working" } },
    async (request) => {
      const scope = await place.open(deps, request, "owner");
      return { token: await deps.registrationTokens.reset(scope, actorOf(request)) };
    },
  );
}

function listRoutes(app: RestApp, deps: RestDeps, place: Place): void {
  const query = pageQuery.extend({ disabled: flag.optional(), visible: flag.optional() });
  const list = z.object({ runners: z.array(runnerShape), total_count: z.number() });
  app.get(
    `${place.prefix}/runners`,
    {
      schema: {
        tags: ["runners"],
        summary: "Runners",
        params: place.params,
        querystring: query,
        response: { 200: list },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "read");
      const { disabled, visible, ...page } = request.query;
      const found = await deps.runnerAdmin.list(scope, { disabled, inherited: visible }, page);
      setTotal(request, reply, deps.publicUrl(), page, found.total);
      return { runners: found.items.map(runnerJson), total_count: found.total };
    },
  );
  const params = place.params.extend({ runner_id: id });
  app.get(
    `${place.prefix}/runners/:runner_id`,
    { schema: { tags: ["runners"], summary: "A runner", params, response: { 200: runnerShape } } },
    async (request) => {
      const scope = await place.open(deps, request, "read");
      return runnerJson(await deps.runnerAdmin.get(scope, request.params.runner_id));
    },
  );
}

function changeRoutes(app: RestApp, deps: RestDeps, place: Place): void {
  const params = place.params.extend({ runner_id: id });
  const created = z.object({ id: z.number(), uuid: z.string(), token: z.string() });
  app.post(
    `${place.prefix}/runners`,
    {
      schema: {
        tags: ["runners"],
        summary: "Makes a runner; its token is shown this once",
        ...{ params: place.params, body: newRunner, response: { 201: created } },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      const { runner, token } = await deps.runnerAdmin.create(scope, request.body, actorOf(request));
      return reply.code(201).send({ id: runner.id, uuid: runner.uuid, token });
    },
  );
  app.patch(
    `${place.prefix}/runners/:runner_id`,
    {
      schema: {
        tags: ["runners"],
        summary: "Changes a runner; a disabled one takes no new jobs",
        ...{ params, body: runnerPatch, response: { 200: runnerShape } },
      },
    },
    async (request) => {
      const scope = await place.open(deps, request, "owner");
      const { name, disabled, description, labels, priority } = request.body;
      if (Object.keys(request.body).length === 0) {
        throw new AppError("invalid", "the body changes nothing; give disabled, priority, name, description or labels");
      }
      const patch = {
        ...(name === undefined ? {} : { name }),
        ...(disabled === undefined ? {} : { disabled }),
        ...(description === undefined ? {} : { description }),
        ...(labels === undefined ? {} : { labels }),
        ...(priority === undefined ? {} : { priority }),
      };
      return runnerJson(await deps.runnerAdmin.update(scope, request.params.runner_id, patch, actorOf(request)));
    },
  );
  app.delete(
    `${place.prefix}/runners/:runner_id`,
    {
      schema: {
        tags: ["runners"],
        summary: "Deletes a runner; what it runs fails",
        params,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      await deps.runnerAdmin.delete(scope, request.params.runner_id, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}
