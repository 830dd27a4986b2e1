import type { FastifyInstance } from "fastify";
import { toAppError } from "../../lib/errors.ts";
import type { RestDeps } from "./rest-deps.ts";

/**
 * `/healthz`: the process answers. `/readyz`: so does the database; what probes of load balancers ask for. A server
 * whose disk is nearly full offers no work and is still ready, because runners have to deliver their results.
 */
export function healthRoutes(app: FastifyInstance, deps: Pick<RestDeps, "ready" | "closing">): void {
  app.get("/healthz", async (_request, reply) => reply.type("text/plain").send("ok\n"));
  app.get("/readyz", async (_request, reply) => {
    reply.type("text/plain; charset=utf-8");
    if (deps.closing.aborted) return await reply.code(503).send("closing\n");
    try {
      const restriction = await deps.ready();
      return await reply.send(restriction === null ? "ok\n" : `ok, but ${restriction}\n`);
    } catch (error) {
      return await reply.code(503).send(`${toAppError(error).message}\n`);
    }
  });
}
