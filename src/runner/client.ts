import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RPC_PREFIX, RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER, UNREGISTERED_RUNNER } from "../protocol/headers.ts";
import { PingService, RunnerService, RunnerStatusService, TaskStreamService } from "../protocol/messages.ts";

/** A runner's uuid and token; the token may be replaced while calls are under way. */
export interface Credentials {
  readonly uuid: string;
  token: string;
}

/** Whom to call, and as whom. */
export interface ClientOptions {
  /** Address of the instance as the user typed it, with or without a trailing slash; a sub-path is kept. */
  readonly address: string;
  /** Absent while registering. Read at each call. */
  readonly identity?: Credentials;
  /** Version of this program, for the User-Agent. */
  readonly version: string;
  /** Takes any TLS certificate. @default false */
  readonly insecure?: boolean;
  /** Variables that may hold HTTP_PROXY, HTTPS_PROXY and NO_PROXY. @default none */
  readonly proxyEnv?: NodeJS.ProcessEnv;
}

/** The services of an instance, of which the last two are only in ours, over Connect with protobuf on HTTP/1.1. Disposing closes the connections. */
export interface RunnerClient extends Disposable {
  readonly ping: Client<typeof PingService>;
  readonly runner: Client<typeof RunnerService>;
  readonly stream: Client<typeof TaskStreamService>;
  readonly status: Client<typeof RunnerStatusService>;
}

/** Makes the client; nothing is sent yet. */
export function createRunnerClient(options: ClientOptions): RunnerClient {
  const address = options.address.replace(/\/+$/, "");
  const agentOptions = { keepAlive: true, ...(options.proxyEnv === undefined ? {} : { proxyEnv: options.proxyEnv }) };
  const agent = address.startsWith("https:")
    ? new HttpsAgent({ ...agentOptions, rejectUnauthorized: options.insecure !== true })
    : new HttpAgent(agentOptions);
  const transport = createConnectTransport({
    baseUrl: address + RPC_PREFIX,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [headers(options)],
    nodeOptions: { agent },
  });
  return {
    ping: createClient(PingService, transport),
    runner: createClient(RunnerService, transport),
    stream: createClient(TaskStreamService, transport),
    status: createClient(RunnerStatusService, transport),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/**
 * Says who calls. A call whose token was replaced while it was under way may have been refused for that alone: it is
 * sent again with the new one.
 */
function headers({ identity, version }: ClientOptions): Interceptor {
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

/**
 * What a failed call means.
 *
 * - `unregistered`: the server no longer knows this runner; repeating cannot help
 * - `unimplemented`: the server (or a proxy's 404) does not have the method
 * - `passing`: everything else; try again later
 */
export type CallFailure = "unregistered" | "unimplemented" | "passing";

/**
 * Reads the error of a call. Only the sentence tells that a runner is unknown: Gitea up to 1.27 sends it as `unknown`
 * with HTTP 500, and a proxy's 401 or a database that is down must not end a runner.
 */
export function classifyCallError(error: unknown): CallFailure {
  if (!(error instanceof ConnectError)) return "passing";
  if (error.rawMessage.includes(UNREGISTERED_RUNNER)) return "unregistered";
  return error.code === Code.Unimplemented ? "unimplemented" : "passing";
}

/** Whether the call ended because its own deadline passed. */
export function isDeadline(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.DeadlineExceeded;
}

/** Whether a proxy before the server does not take a message of that length. */
export function isTooLarge(error: unknown): boolean {
  // Connect gives the status of an answer that is not Connect's own by this sentence only.
  return error instanceof ConnectError && error.rawMessage === "HTTP 413";
}
