import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError } from "../lib/errors.ts";
import type { Health } from "./health.ts";

/** The listening server of `serveHealth`. */
export interface HealthServer extends AsyncDisposable {
  /** The port, also when 0 was asked for. */
  readonly port: number;
}

/**
 * Serves `/healthz` (always 200: the process lives) and `/readyz` (503 with a sentence while no work can come).
 * @param address `host:port`
 * @throws AppError unavailable when the address cannot be listened on
 */
export async function serveHealth(address: string, health: Health): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const problem = request.url === "/readyz" ? health.problem() : undefined;
    const known = request.url === "/healthz" || request.url === "/readyz";
    response.statusCode = known ? (problem === undefined ? 200 : 503) : 404;
    response.setHeader("content-type", "text/plain; charset=utf-8");
    response.end(known ? `${problem ?? "ok"}\n` : "not found\n");
  });
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  server.listen(Number(address.slice(colon + 1)), host === "" ? undefined : host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new AppError(
      "unavailable",
      `the address ${address} for metrics cannot be listened on: change metrics.addr`,
      error,
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
