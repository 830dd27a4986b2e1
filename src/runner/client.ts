import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { RPC_PREFIX } from "../protocol/headers.ts";
import { PingService, RunnerService, RunnerStatusService, TaskStreamService } from "../protocol/messages.ts";
import { type Credentials, identifyCalls } from "./identify-calls.ts";

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
    interceptors: [identifyCalls(options)],
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
