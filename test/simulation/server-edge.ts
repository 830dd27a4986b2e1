import type { DescMethod } from "@bufbuild/protobuf";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type ConnectRouter, createContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Logger } from "../../src/lib/logger.ts";
import { runnerRoutes } from "../../src/server/connect/routes.ts";
import type { ProtocolServices } from "../../src/server/services/protocol-services.ts";

/** One request as it arrives. */
export interface EdgeRequest {
  readonly method: DescMethod;
  readonly header: Headers;
  readonly message: object;
  /** Epoch ms of the simulation, or undefined. */
  readonly deadline: number | undefined;
  readonly signal: AbortSignal;
}

type Implementation = (request: unknown, context: HandlerContext) => unknown;
type Gate = (context: HandlerContext) => Promise<void>;

/** The runner protocol of a server as it is, from the gate on; only HTTP is left out. */
export class ServerEdge {
  readonly #routes = new Map<string, { readonly run: Implementation; readonly gate: Gate | undefined }>();
  readonly #now: () => number;

  constructor(deps: { readonly services: ProtocolServices; readonly log: Logger; readonly now: () => number }) {
    this.#now = deps.now;
    const router = {
      rpc: (method: DescMethod, run: Implementation, options: { requestGate?: Gate } = {}) => {
        this.#routes.set(nameOf(method), { run, gate: options.requestGate });
        return router;
      },
    };
    runnerRoutes(deps)(router as unknown as ConnectRouter);
  }

  /** A unary call; rejects with a ConnectError. */
  async answer(request: EdgeRequest): Promise<{ readonly message: object; readonly header: Headers }> {
    const { run, context } = await this.#enter(request);
    const answer = (await run(request.message, context)) as MessageInitShape<DescMessage>;
    return { message: create(request.method.output, answer), header: context.responseHeader };
  }

  /** A streaming call. */
  async *stream(request: EdgeRequest): AsyncGenerator<object> {
    const { run, context } = await this.#enter(request);
    for await (const message of run(request.message, context) as AsyncIterable<MessageInitShape<DescMessage>>) {
      yield create(request.method.output, message);
    }
  }

  async #enter({ method, header, deadline, signal }: EdgeRequest) {
    const route = this.#routes.get(nameOf(method));
    if (route === undefined) throw new Error(`the server has no ${nameOf(method)}`);
    const context: HandlerContext = {
      ...{ method, service: method.parent, signal, requestHeader: header, values: createContextValues() },
      ...{ requestMethod: "POST", protocolName: "connect", url: "http://simulation/" },
      ...{ responseHeader: new Headers(), responseTrailer: new Headers() },
      timeoutMs: () => (deadline === undefined ? undefined : Math.max(0, deadline - this.#now())),
    };
    await route.gate?.(context);
    return { run: route.run, context };
  }
}

/** The method's name with its service's. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.name}.${method.name}`;
}
