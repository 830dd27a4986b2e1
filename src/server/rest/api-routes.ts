import fastifySwagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import { z } from "zod";
import { accountRoutes } from "./account-routes.ts";
import { artifactRoutes } from "./artifact-routes.ts";
import { authenticateHook } from "./authenticate.ts";
import { cacheRoutes } from "./cache-routes.ts";
import { cronRoutes } from "./cron-routes.ts";
import { dispatchRulesRoutes } from "./dispatch-rules-routes.ts";
import { logRoutes } from "./log-routes.ts";
import { logSearchRoutes } from "./log-search-routes.ts";
import { registrationTokenRoutes } from "./registration-token-routes.ts";
import { repositoryRoutes } from "./repository-routes.ts";
import type { RestDeps } from "./rest-deps.ts";
import { errorHandler, sendRefusal } from "./rest-error.ts";
import { runListRoutes } from "./run-list-routes.ts";
import { runRoutes } from "./run-routes.ts";
import { runnerCredentialRoutes } from "./runner-credential-routes.ts";
import { runnerRoutes } from "./runner-routes.ts";
import { secretRoutes } from "./secret-routes.ts";
import { submitRoutes } from "./submit-routes.ts";
import { tokenRoutes } from "./token-routes.ts";
import { variableRoutes } from "./variable-routes.ts";
import { waitingJobRoutes } from "./waiting-job-routes.ts";

/** Everything below `/api/v1`, in Gitea's shapes; the description is at `/api/v1/openapi.json`. */
export function apiRoutes(parent: FastifyInstance, deps: RestDeps): void {
  const docs = () => `${deps.publicUrl()}/api/v1/openapi.json`;
  parent.setValidatorCompiler(validatorCompiler);
  parent.setSerializerCompiler(serializerCompiler);
  parent.setErrorHandler(errorHandler(docs, deps.log));
  parent.setNotFoundHandler((request, reply) => {
    const { pathname } = new URL(request.url, "http://server");
    sendRefusal(reply, 404, `there is no ${request.method} ${pathname}; ${docs()} lists what there is`, docs());
  });
  acceptEmptyJson(parent);
  parent.decorateRequest("caller", null);
  parent.addHook("onRequest", authenticateHook(deps));
  parent.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "act-runner-ts",
        version: deps.version,
        description: "Runs, runners and what they need; a superset of Gitea's Actions interface.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  // The description is made from the routes that come after it.
  void parent.after(() => describedRoutes(parent, deps));
}

function describedRoutes(parent: FastifyInstance, deps: RestDeps): void {
  const app = parent.withTypeProvider<ZodTypeProvider>();
  app.get(
    "/version",
    {
      config: { public: true },
      schema: {
        tags: ["server"],
        summary: "Version of the server",
        response: { 200: z.object({ version: z.string() }) },
      },
    },
    async () => ({ version: deps.version }),
  );
  app.get("/openapi.json", { config: { public: true }, schema: { hide: true } as object }, async () =>
    parent.swagger(),
  );
  for (const routes of [
    accountRoutes,
    tokenRoutes,
    repositoryRoutes,
    runnerRoutes,
    runnerCredentialRoutes,
    cronRoutes,
    dispatchRulesRoutes,
    registrationTokenRoutes,
    runListRoutes,
    runRoutes,
    submitRoutes,
    logRoutes,
    artifactRoutes,
    cacheRoutes,
    logSearchRoutes,
    secretRoutes,
    variableRoutes,
    waitingJobRoutes,
  ]) {
    routes(app, deps);
  }
}

/** Many clients send `Content-Type: application/json` with every POST, also where there is nothing to say. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parse(request, body.toString(), done);
  });
}
