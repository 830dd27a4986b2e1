import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { CallContext } from "./call-context.ts";
import { directContext } from "./direct-context.ts";
import { toConnectError } from "./errors.ts";

/** A unary method, and what answers it. */
export interface DirectMethod<O extends DescMessage> {
  readonly method: { readonly name: string; readonly output: O };
  /** Refuses the call before its body is read. */
  readonly gate: (context: CallContext) => Promise<void>;
  /** Reads the body and answers. */
  readonly answer: (body: IncomingMessage, context: CallContext) => Promise<MessageInitShape<O>>;
}

/** Serves one method for the requests it accepts; all others go to Connect. */
export interface DirectCall {
  accepts(headers: IncomingHttpHeaders): boolean;
  /** Answers the request; never rejects. @param address the caller's network address */
  serve(request: IncomingMessage, response: ServerResponse, address: string): Promise<void>;
}

/**
 * A unary method of the Connect protocol in the one form that stock runners use: uncompressed protobuf over POST.
 * It does what Connect's own handler does, at a fraction of its cost (docs/adr/0009); every other form goes there.
 */
export function directUnary<O extends DescMessage>(direct: DirectMethod<O>, log: Logger): DirectCall {
  const { method, gate, answer } = direct;
  return {
    accepts,
    async serve(request, response, address) {
      const caller = new AbortController();
      response.once("close", () => {
        if (!response.writableFinished) caller.abort(new AppError("cancelled", "the caller went away"));
      });
      const context = directContext(request, method.name, address, caller.signal);
      try {
        await gate(context);
        const reply = toBinary(method.output, create(method.output, await answer(request, context)));
        send(response, 200, "application/proto", reply);
      } catch (error) {
        const { code, rawMessage } = toConnectError(error, log, method.name);
        const failure = new ConnectError(rawMessage, code);
        send(response, codeToHttpStatus(code), "application/json", errorToJsonBytes(failure, undefined));
      }
    },
  };
}

/** A deadline that Connect would refuse is left to Connect. */
function accepts(headers: IncomingHttpHeaders): boolean {
  const timeout = headers["connect-timeout-ms"];
  const encoding = headers["content-encoding"];
  return (
    headers["content-type"] === "application/proto" &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined || (typeof timeout === "string" && /^\d{1,10}$/.test(timeout))) &&
    (headers["connect-protocol-version"] ?? "1") === "1"
  );
}

function send(response: ServerResponse, status: number, type: string, body: Uint8Array): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": type, "content-length": body.length });
  response.end(body);
}
