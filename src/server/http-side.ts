import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Clock } from "../lib/clock.ts";
import { AppError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/logger.ts";
import { directRunnerCalls } from "./connect/direct-calls.ts";
import { runnerRoutes } from "./connect/routes.ts";
import { createHttpApp, type HttpApp, mountRunnerProtocol } from "./http-app.ts";
import { jobServiceRoutes } from "./job-service-routes.ts";
import { apiRoutes } from "./rest/api-routes.ts";
import { gitRoutes } from "./rest/git-http.ts";
import { healthRoutes } from "./rest/health-routes.ts";
import type { RestDeps } from "./rest/rest-deps.ts";
import type { CompiledServerOptions, ListenAddress } from "./server-options.ts";
import type { ProtocolServices } from "./services/protocol-services.ts";

/**
 * Connections that may wait to be accepted; the kernel cuts it to its own limit (`net.core.somaxconn`). After a restart
 * a whole fleet connects at once, and what does not fit is reset or tried again seconds later. Node's default is 511.
 */
const BACKLOG = 32_768;

/** The open ports of a server. */
export interface HttpSide {
  readonly address: ListenAddress;
  /** Where the runner protocol is served alone, or null. */
  readonly runnersAddress: ListenAddress | null;
  /** Takes no more requests; ends those in flight after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** What is served. */
export interface HttpSideDeps {
  readonly options: CompiledServerOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly protocol: ProtocolServices;
  readonly rest: RestDeps;
}

/** Opens the ports: everything on one, and the runner protocol alone on a second where that is wanted. */
export async function openHttpSide(deps: HttpSideDeps): Promise<HttpSide> {
  const { options, clock, log, protocol, rest } = deps;
  const basePath = options.publicUrl === null ? "" : new URL(options.publicUrl).pathname.replace(/\/$/, "");
  const make = () => createHttpApp({ trustedProxies: options.trustedProxies, basePath, clock });
  const routes = runnerRoutes({ services: protocol, log });
  const direct = directRunnerCalls({ services: protocol, log });
  const main = make();
  const apps: HttpApp[] = [main];
  const close = async (graceMs: number) => {
    await Promise.all(apps.map((app) => app.close(graceMs)));
  };
  try {
    await mount(main, (scope) => healthRoutes(scope, rest));
    await mountRunnerProtocol(main.app, routes, direct);
    await mount(main, (scope) => apiRoutes(scope, rest), "/api/v1");
    const jobs = { services: rest.jobServices, publicUrl: rest.publicUrl, log };
    await mount(main, (scope) => jobServiceRoutes(scope, jobs));
    await mount(main, (scope) => gitRoutes(scope, rest));
    const address = await listen(main, options.listen);
    let runnersAddress: ListenAddress | null = null;
    if (options.listenRunners !== null) {
      const second = make();
      apps.push(second);
      await mount(second, (scope) => healthRoutes(scope, rest));
      await mountRunnerProtocol(second.app, routes, direct);
      runnersAddress = await listen(second, options.listenRunners);
    }
    return { address, runnersAddress, close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Mounts routes with hooks and parsers of their own. */
async function mount({ app }: HttpApp, routes: (scope: FastifyInstance) => void, prefix = ""): Promise<void> {
  await app.register(
    (scope, _options, done) => {
      routes(scope);
      done();
    },
    { prefix },
  );
}

async function listen({ app }: HttpApp, wanted: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen({ host: wanted.host, port: wanted.port, backlog: BACKLOG });
  } catch (error) {
    const place = `${wanted.host}:${wanted.port}`;
    throw new AppError(
      "unavailable",
      `the server cannot listen on ${place} (${errorText(error)}); choose another address`,
      error,
    );
  }
  const { address, port } = app.server.address() as AddressInfo;
  return { host: address, port };
}
