import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createContextValues, type Transport } from "@connectrpc/connect";
import { runUnaryCall } from "@connectrpc/connect/protocol";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../../src/protocol/headers.ts";
import { PingService, RunnerService, RunnerStatusService, TaskStreamService } from "../../src/protocol/messages.ts";
import type { ClientOptions, RunnerClient } from "../../src/runner/client.ts";
import { identifyCalls } from "../../src/runner/identify-calls.ts";
import type { Network, ServerSlot } from "./network.ts";
import { type EdgeRequest, nameOf } from "./server-edge.ts";
import { SimCall } from "./sim-call.ts";
import type { SimProcess } from "./sim-process.ts";
import { SimStream } from "./sim-stream.ts";

/** What a runner's way to the servers needs. */
export interface SimLink {
  readonly network: Network;
  readonly runner: string;
  readonly process: SimProcess;
  /** The server that the next call goes to, as a load balancer would choose it. */
  readonly choose: () => ServerSlot;
  /** A proxy on the way knows no streams. */
  readonly streams: boolean;
  /** Told of each call that a server answered, with the time at which it took it. */
  readonly onAnswered: (request: EdgeRequest, answer: object, takenAt: number, server: SimProcess) => void;
}

/** The runner's client over the simulated network. */
export function simClient(link: SimLink, options: ClientOptions): RunnerClient {
  const interceptors = [identifyCalls(options)];
  const fixed = { url: "http://simulation", requestMethod: "POST", contextValues: createContextValues() } as const;
  const transport: Transport = {
    async unary(method, signal, timeoutMs, header, input) {
      return await runUnaryCall({
        req: { ...fixed, stream: false, service: method.parent, method, header: new Headers(header), message: input },
        ...{ interceptors, ...(signal === undefined ? {} : { signal }) },
        next: async (request) => {
          // As it arrives: a message may hold what only its bytes show.
          const message = fromBinary(method.input, toBinary(method.input, request.message));
          const call = { method, header: new Headers(request.header), message, timeoutMs, signal };
          const answer = await new SimCall(link, call).answer;
          return {
            ...{ stream: false, service: method.parent, method, header: answer.header, trailer: new Headers() },
            message: answer.message as never,
          };
        },
      });
    },
    async stream(method, signal, _timeoutMs, header, input) {
      if (!link.streams) throw new ConnectError(`there is no ${nameOf(method)}`, Code.Unimplemented);
      let message: object | undefined;
      for await (const first of input) message ??= create(method.input, first);
      const { uuid = "", token = "" } = options.identity ?? {};
      const headers = new Headers(header);
      headers.set(RUNNER_UUID_HEADER, uuid);
      headers.set(RUNNER_TOKEN_HEADER, token);
      const request = { method, header: headers, message: message ?? create(method.input), signal };
      return {
        ...{ stream: true, service: method.parent, method, header: new Headers(), trailer: new Headers() },
        message: new SimStream(link, request).messages() as AsyncIterable<never>,
      };
    },
  };
  return {
    ping: createClient(PingService, transport),
    runner: createClient(RunnerService, transport),
    stream: createClient(TaskStreamService, transport),
    status: createClient(RunnerStatusService, transport),
    [Symbol.dispose]: () => {},
  };
}
