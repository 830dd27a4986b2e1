import type { Interceptor } from "@connectrpc/connect";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../protocol/headers.ts";
import { classifyCallError } from "./call-failure.ts";

/** A runner's uuid and token; the token may be replaced while calls are under way. */
export interface Credentials {
  readonly uuid: string;
  token: string;
}

/**
 * Says who calls. A call whose token was replaced while it was under way may have been refused for that alone: it is
 * sent again with the new one.
 */
export function identifyCalls({
  identity,
  version,
}: {
  readonly identity?: Credentials;
  readonly version: string;
}): Interceptor {
  return (next) => async (request) => {
    request.header.set("user-agent", `act-runner-ts/${version}`);
    if (identity === undefined) return await next(request);
    for (;;) {
      const { uuid, token } = identity;
      request.header.set(RUNNER_UUID_HEADER, uuid);
      request.header.set(RUNNER_TOKEN_HEADER, token);
      try {
        return await next(request);
      } catch (error) {
        if (request.stream || token === identity.token || classifyCallError(error) !== "unregistered") throw error;
      }
    }
  };
}
