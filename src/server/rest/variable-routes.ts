import { z } from "zod";
import type { Scope } from "../domain/scope.ts";
import { actorOf } from "./authenticate.ts";
import { pageQuery, setTotal } from "./paging.ts";
import { PLACES, type Place } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";

const variableShape = z.object({
  owner_id: z.number(),
  repo_id: z.number(),
  name: z.string(),
  data: z.string(),
  description: z.string(),
});
const newVariable = z.strictObject({ value: z.string(), description: z.string().max(1024).default("") });
const variablePatch = z.strictObject({
  name: z.string().optional(),
  value: z.string(),
  description: z.string().max(1024).optional(),
});
const tags = ["variables"];

/** Variables of the server, an owner, the caller and a repository. */
export function variableRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES) {
    readRoutes(app, deps, place);
    writeRoutes(app, deps, place);
  }
}

function readRoutes(app: RestApp, deps: RestDeps, place: Place): void {
  app.get(
    `${place.prefix}/variables`,
    {
      schema: {
        ...{ tags, summary: "Variables", params: place.params },
        ...{ querystring: pageQuery, response: { 200: z.array(variableShape) } },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "read");
      const rows = await deps.settings.variables(scope);
      const { page, limit } = request.query;
      setTotal(request, reply, deps.publicUrl(), request.query, rows.length);
      return rows.slice((page - 1) * limit, page * limit).map((row) => variableJson(scope, row));
    },
  );
  app.get(
    `${place.prefix}/variables/:name`,
    {
      schema: {
        ...{ tags, summary: "A variable", params: place.params.extend({ name: z.string().min(1) }) },
        response: { 200: variableShape },
      },
    },
    async (request) => {
      const scope = await place.open(deps, request, "read");
      return variableJson(scope, await deps.settings.variable(scope, request.params.name));
    },
  );
}

function writeRoutes(app: RestApp, deps: RestDeps, place: Place): void {
  const params = place.params.extend({ name: z.string().min(1) });
  const url = `${place.prefix}/variables/:name`;
  app.post(
    url,
    { schema: { tags, summary: "Makes a variable", params, body: newVariable, response: { 201: z.null() } } },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      const { value, description } = request.body;
      await deps.settings.createVariable(scope, request.params.name, value, description, actorOf(request));
      return reply.code(201).send(null);
    },
  );
  app.put(
    url,
    {
      schema: {
        tags,
        summary: "Changes a variable, or its name",
        params,
        body: variablePatch,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      const { name: rename, value, description } = request.body;
      await deps.settings.updateVariable(scope, request.params.name, { value, description, rename }, actorOf(request));
      return reply.code(204).send(null);
    },
  );
  app.delete(
    url,
    { schema: { tags, summary: "Deletes a variable", params, response: { 204: z.null() } } },
    async (request, reply) => {
      const scope = await place.open(deps, request, "owner");
      await deps.settings.delete("variable", scope, request.params.name, actorOf(request));
      return reply.code(204).send(null);
    },
  );
}

function variableJson(
  scope: Scope,
  row: { readonly name: string; readonly value: string; readonly description: string },
): z.infer<typeof variableShape> {
  return {
    owner_id: scope.kind === "owner" ? scope.ownerId : 0,
    repo_id: scope.kind === "repository" ? scope.repositoryId : 0,
    name: row.name,
    data: row.value,
    description: row.description,
  };
}
