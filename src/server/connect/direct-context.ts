import type { IncomingMessage } from "node:http";
import { createContextValues } from "@connectrpc/connect";
import type { CallContext } from "./call-context.ts";
import { remoteAddressKey } from "./remote-address.ts";

/** The context of a call that is served without Connect's own handler. @param address the caller's network address */
export function directContext(
  request: IncomingMessage,
  name: string,
  address: string,
  signal: AbortSignal,
): CallContext {
  const { headers } = request;
  const timeout = headers["connect-timeout-ms"];
  const timeoutMs = timeout === undefined ? undefined : Number(timeout);
  return {
    method: { name },
    values: createContextValues().set(remoteAddressKey, address),
    requestHeader: {
      get: (header) => {
        const value = headers[header];
        return value === undefined ? null : String(value);
      },
    },
    signal,
    timeoutMs: () => timeoutMs,
  };
}
