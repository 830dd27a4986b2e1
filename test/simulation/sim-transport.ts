import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { RUNNER_TOKEN_HEADER, RUNNER_UUID_HEADER } from "../../src/protocol/headers.ts";
import { PingService, RunnerService, RunnerStatusService, TaskStreamService } from "../../src/protocol/messages.ts";
import type { ClientOptions, RunnerClient } from "../../src/runner/client.ts";
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
export function simClient(link: SimLink, { identity }: ClientOptions): RunnerClient {
  const headers = (given: ConstructorParameters<typeof Headers>[0]): Headers => {
    const all = new Headers(given);
    if (identity !== undefined) {
      all.set(RUNNER_UUID_HEADER, identity.uuid);
      all.set(RUNNER_TOKEN_HEADER, identity.token);
    }
    return all;
  };
  const transport: Transport = {
    async unary(method, signal, timeoutMs, header, input) {
      // As it arrives: a message may hold what only its bytes show.
      const message = fromBinary(method.input, toBinary(method.input, create(method.input, input)));
      const request = { method, header: headers(header), message, timeoutMs, signal };
      const answer = await new SimCall(link, request).answer;
      return {
        ...{ stream: false, service: method.parent, method, header: answer.header, trailer: new Headers() },
        message: answer.message as never,
      };
    },
    async stream(method, signal, _timeoutMs, header, input) {
      if (!link.streams) throw new ConnectError(`there is no ${nameOf(method)}`, Code.Unimplemented);
      let message: object | undefined;
      for await (const first of input) message ??= create(method.input, first);
      const request = { method, header: headers(header), message: message ?? create(method.input), signal };
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
