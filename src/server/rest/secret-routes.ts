import { z } from "zod";
import { actorOf } from "./authenticate.ts";
import { PLACES } from "./places.ts";
import type { RestApp } from "./rest-app.ts";
import type { RestDeps } from "./rest-deps.ts";
import { timeText } from "./time-text.ts";

const secretShape = z.object({ name: z.string(), description: z.string(), created_at: z.string() });
const newSecret = z.strictObject({ data: z.string(), description: z.string().max(1024).default("") });
const tags = ["secrets"];

/** Secrets of an owner, the caller and a repository. Their values never come out again. */
export function secretRoutes(app: RestApp, deps: RestDeps): void {
  for (const place of PLACES.filter((one) => one.kind !== "admin")) {
    const params = place.params.extend({ name: z.string().min(1) });
    app.get(
      `${place.prefix}/secrets`,
      {
        schema: {
          tags,
          summary: "Names of the secrets",
          params: place.params,
          response: { 200: z.array(secretShape) },
        },
      },
      async (request, reply) => {
        const rows = await deps.settings.secrets(await place.open(deps, request, "owner"));
        reply.header("x-total-count", String(rows.length));
        return rows.map((row) => ({
          name: row.name,
          description: row.description,
          created_at: timeText(row.createdAt),
        }));
      },
    );
    app.put(
      `${place.prefix}/secrets/:name`,
      {
        schema: {
          ...{ tags, summary: "Makes or changes a secret", params },
          ...{ body: newSecret, response: { 201: z.null(), 204: z.null() } },
        },
      },
      async (request, reply) => {
        const scope = await place.open(deps, request, "owner");
        const { data, description } = request.body;
        const isNew = await deps.settings.putSecret(scope, request.params.name, data, description, actorOf(request));
        return reply.code(isNew ? 201 : 204).send(null);
      },
    );
    app.delete(
      `${place.prefix}/secrets/:name`,
      { schema: { tags, summary: "Deletes a secret", params, response: { 204: z.null() } } },
      async (request, reply) => {
        const scope = await place.open(deps, request, "owner");
        await deps.settings.delete("secret", scope, request.params.name, actorOf(request));
        return reply.code(204).send(null);
      },
    );
  }
}
