import { createContextValues } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import type { ConnectRouter } from "@connectrpc/connect";
import fastify, { type FastifyInstance } from "fastify";
import { RPC_PREFIX } from "../protocol/headers.ts";
import { remoteAddressKey } from "./connect/remote-address.ts";
import { createHttpListener, type HttpListener } from "./http-listener.ts";

/** How often connections that have become idle are let go while the server closes. */
const RELEASE_EVERY_MS = 100;

/** A fastify instance on a listener for both versions of HTTP. */
export interface HttpApp {
  readonly app: FastifyInstance;
  /**
   * Takes no more connections, lets what is in flight finish and ends it after `graceMs`.
   * @param wait sleeps; the clock's
   */
  close(graceMs: number, wait: (ms: number) => Promise<void>): Promise<void>;
}

/** Makes the app. @param basePath path of the public URL, which is taken off where a proxy leaves it on */
export function createHttpApp(options: { readonly trustedProxies: readonly string[]; readonly basePath: string }): HttpApp {
  const { trustedProxies, basePath } = options;
  let listener: HttpListener | undefined;
  const app = fastify({
    serverFactory: (handler) => {
      listener = createHttpListener(handler);
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
    async close(graceMs, wait) {
      const closed = app.close();
      let over = false;
      closed.then(
        () => (over = true),
        () => (over = true),
      );
      for (let waited = 0; !over && waited < graceMs; waited += RELEASE_EVERY_MS) {
        listener?.releaseIdle();
        await Promise.race([closed.catch(() => undefined), wait(RELEASE_EVERY_MS)]);
      }
      if (!over) listener?.destroyAll();
      await closed;
    },
  };
}

/** Mounts the runner protocol under `/api/actions` and at the root, where plain gRPC clients look for it. */
export async function mountRunnerProtocol(app: FastifyInstance, routes: (router: ConnectRouter) => void): Promise<void> {
  for (const prefix of [RPC_PREFIX, ""]) {
    await app.register(
      async (scope) => {
        await scope.register(fastifyConnectPlugin, {
          routes,
          contextValues: (request) => createContextValues().set(remoteAddressKey, request.ip),
        });
      },
      { prefix },
    );
  }
}
