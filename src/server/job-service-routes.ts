import type { FastifyInstance } from "fastify";
import { JOB_SERVICE_PREFIXES, serveJobServices } from "../jobservices/serve-job-services.ts";
import type { Services } from "../jobservices/services.ts";
import type { Logger } from "../lib/logger.ts";

/** What the routes need. */
export interface JobServiceRoutesDeps {
  readonly services: Services;
  /** Outside address of the server, without a slash at its end. */
  readonly publicUrl: () => string;
  readonly log: Logger;
}

/** The endpoints that actions call. Bodies are not read by fastify: they are streamed to the store. */
export function jobServiceRoutes(app: FastifyInstance, { services, publicUrl, log }: JobServiceRoutesDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => done(null));
  for (const prefix of JOB_SERVICE_PREFIXES) {
    app.all(`${prefix}/*`, (request, reply) => {
      reply.hijack();
      const base = baseOf(`${request.protocol}://${request.host}`, publicUrl());
      void serveJobServices(services, { request: request.raw, response: reply.raw, base }, log);
    });
  }
}

/**
 * Addresses that are handed out begin as the caller's own did: a job in a container may know the server by another name
 * than people do. Where it is the public name, a proxy may have taken TLS and a path away.
 */
function baseOf(asked: string, publicUrl: string): string {
  return new URL(asked).host === new URL(publicUrl).host ? publicUrl : asked;
}
