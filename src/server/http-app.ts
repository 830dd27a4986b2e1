import type { ConnectRouter } from "@connectrpc/connect";
import { createContextValues } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import type { Clock } from "../lib/clock.ts";
import { RPC_PREFIX } from "../protocol/headers.ts";
import { boundedCompressions } from "./connect/bounded-compression.ts";
import type { DirectCall } from "./connect/direct-unary.ts";
import { remoteAddressKey } from "./connect/remote-address.ts";
import { createHttpListener, type HttpListener } from "./http-listener.ts";

/** How often connections that have become idle are let go while the server closes. */
const RELEASE_EVERY_MS = 100;

/** A fastify instance on a listener for both versions of HTTP. */
export interface HttpApp {
  readonly app: FastifyInstance;
  /** Takes no more connections, lets what is in flight finish and ends it after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Makes the app. @param basePath path of the public URL, which is taken off where a proxy leaves it on */
export function createHttpApp(options: {
  readonly trustedProxies: readonly string[];
  readonly basePath: string;
  readonly clock: Clock;
}): HttpApp {
  const { trustedProxies, basePath, clock } = options;
  let listener: HttpListener | undefined;
  const app = fastify({
    serverFactory: (handler) => {
      listener = createHttpListener(handler, clock);
      return listener.server;
    },
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    rewriteUrl: (request) => {
      const url = request.url ?? "/";
      return basePath !== "" && url.startsWith(`${basePath}/`) ? url.slice(basePath.length) : url;
    },
  });
  return {
    app,
    async close(graceMs) {
      const closed = app.close();
      let over = false;
      closed.then(
        () => (over = true),
        () => (over = true),
      );
      for (let waited = 0; !over && waited < graceMs; waited += RELEASE_EVERY_MS) {
        listener?.releaseIdle();
        await Promise.race([closed.catch(() => undefined), clock.sleep(RELEASE_EVERY_MS, {})]);
      }
      if (!over) listener?.destroyAll();
      await closed;
    },
  };
}

/**
 * Mounts the runner protocol under `/api/actions` and at the root, where plain gRPC clients look for it.
 * @param direct methods by path that are served without Connect's handler where they accept the request
 */
export async function mountRunnerProtocol(
  app: FastifyInstance,
  routes: (router: ConnectRouter) => void,
  direct: ReadonlyMap<string, DirectCall>,
): Promise<void> {
  const contextValues = (request: FastifyRequest) => createContextValues().set(remoteAddressKey, request.ip);
  for (const prefix of [RPC_PREFIX, ""]) {
    await app.register((scope, _options, done) => {
      scope.addHook("onRequest", (request, reply, next) => {
        const method = direct.get(request.url.slice(prefix.length));
        if (request.method !== "POST" || method?.accepts(request.headers) !== true) {
          next();
          return;
        }
        reply.hijack();
        void method.serve(request.raw, reply.raw, request.ip);
      });
      scope
        .register(fastifyConnectPlugin, { routes, contextValues, prefix, acceptCompression: boundedCompressions })
        .then(() => done(), done);
    });
  }
}
