import type { FastifyInstance } from "fastify";
import type { Clock } from "../../lib/clock.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { RestDeps } from "./rest-deps.ts";

/** A database that hangs is as good as away. */
const READY_MS = 2_000;

/**
 * `/healthz`: the process answers. `/readyz`: so does the database; what probes of load balancers ask for. It is 503 from
 * the moment on at which the server is to close (`--drain-period`). A server whose disk is nearly full offers no work and
 * is still ready, because runners have to deliver their results.
 */
export function healthRoutes(app: FastifyInstance, deps: Pick<RestDeps, "ready" | "draining" | "clock">): void {
  app.get("/healthz", async (_request, reply) => reply.type("text/plain").send("ok\n"));
  app.get("/readyz", async (_request, reply) => {
    reply.type("text/plain; charset=utf-8");
    if (deps.draining.aborted) return await reply.code(503).send("closing\n");
    try {
      const restriction = await within(deps.clock, deps.ready());
      return await reply.send(restriction === null ? "ok\n" : `ok, but ${restriction}\n`);
    } catch (error) {
      return await reply.code(503).send(`${toAppError(error).message}\n`);
    }
  });
}

async function within<T>(clock: Clock, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  using _timer = clock.timer(READY_MS, () =>
    reject(new AppError("unavailable", "the database does not answer in time")),
  );
  return await Promise.race([work, late]);
}
