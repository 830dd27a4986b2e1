import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AppError, errorText } from "../lib/errors.ts";

/** A port that is served until it is disposed. */
export interface JobServicePort extends AsyncDisposable {
  readonly port: number;
}

/** Takes a request. @param base address of the port as the caller named it, without a slash at its end */
export type ServeRequest = (request: IncomingMessage, response: ServerResponse, base: string) => void;

/** Serves job services on a port of their own. @param address without a host it is all of this machine's @throws AppError unavailable when the address is taken */
export async function listenJobServices(
  address: { readonly host?: string; readonly port: number },
  serve: ServeRequest,
): Promise<JobServicePort> {
  const server = createServer((request, response) => {
    serve(request, response, `http://${request.headers.host ?? `127.0.0.1:${address.port}`}`);
  });
  // uploads take as long as they take; what sends nothing at all is let go by the socket's timeout
  server.requestTimeout = 0;
  server.timeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const place = `${address.host ?? "*"}:${address.port}`;
      reject(new AppError("unavailable", `the job services cannot listen on ${place} (${errorText(error)})`, error));
    });
    server.listen({ ...address }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
