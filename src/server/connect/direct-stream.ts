import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { endStreamFlag, endStreamToJson } from "@connectrpc/connect/protocol-connect";
import { AppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";
import type { CallContext } from "./call-context.ts";
import { directContext } from "./direct-context.ts";
import type { DirectCall } from "./direct-unary.ts";
import { toConnectError } from "./errors.ts";

const CONTENT_TYPE = "application/connect+proto";
/** A flag byte and the length of the message. */
const ENVELOPE_BYTES = 5;

/** A method with a stream of answers, and what answers it. */
export interface DirectStreamMethod<I extends DescMessage, O extends DescMessage> {
  readonly method: { readonly name: string; readonly input: I; readonly output: O };
  readonly readMaxBytes: number;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Refuses the call before its body is read. */
  readonly gate: (context: CallContext) => Promise<void>;
  readonly answer: (request: MessageShape<I>, context: CallContext) => AsyncIterable<MessageInitShape<O>>;
}

/**
 * A server stream of the Connect protocol in the form that our runner uses: uncompressed protobuf. Connect's own
 * handler keeps a dozen generators for each open stream; with thousands of idle streams that is most of the memory
 * (docs/adr/0009). gRPC, gRPC-Web and JSON go there.
 */
export function directStream<I extends DescMessage, O extends DescMessage>(
  direct: DirectStreamMethod<I, O>,
  log: Logger,
): DirectCall {
  const { method, readMaxBytes, headers, gate, answer } = direct;
  return {
    accepts,
    async serve(request, response, address) {
      const caller = new AbortController();
      response.once("close", () => caller.abort(new AppError("cancelled", "the caller went away")));
      const context = directContext(request, method.name, address, caller.signal);
      let failure: ConnectError | undefined;
      try {
        await gate(context);
        const message = decoded(method.input, await readEnvelope(request, readMaxBytes));
        response.writeHead(200, { "content-type": CONTENT_TYPE, ...headers });
        for await (const reply of answer(message, context)) {
          await write(response, envelope(0, toBinary(method.output, create(method.output, reply))), caller.signal);
        }
      } catch (error) {
        const { code, rawMessage } = toConnectError(error, log, method.name);
        failure = new ConnectError(rawMessage, code);
      }
      if (response.destroyed) return;
      if (!response.headersSent) response.writeHead(200, { "content-type": CONTENT_TYPE });
      const end = JSON.stringify(endStreamToJson(new Headers(), failure, undefined));
      response.end(envelope(endStreamFlag, Buffer.from(end)));
    },
  };
}

/** Deadlines are left to Connect. */
function accepts(headers: IncomingHttpHeaders): boolean {
  return (
    headers["content-type"] === CONTENT_TYPE &&
    (headers["connect-content-encoding"] ?? "identity") === "identity" &&
    headers["connect-timeout-ms"] === undefined &&
    (headers["connect-protocol-version"] ?? "1") === "1"
  );
}

/** The one message of the request. @throws AppError invalid when it is none, or too long */
async function readEnvelope(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes + ENVELOPE_BYTES)
      throw new AppError("exhausted", `the message is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (body.length < ENVELOPE_BYTES || body[0] !== 0 || body.readUInt32BE(1) !== body.length - ENVELOPE_BYTES) {
    throw new AppError("invalid", "the request is not one uncompressed message in an envelope of the Connect protocol");
  }
  return body.subarray(ENVELOPE_BYTES);
}

function decoded<I extends DescMessage>(type: I, bytes: Buffer): MessageShape<I> {
  try {
    return fromBinary(type, bytes);
  } catch (error) {
    throw new AppError("invalid", `the request is not a ${type.typeName}`, error);
  }
}

function envelope(flags: number, message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(ENVELOPE_BYTES + message.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, ENVELOPE_BYTES);
  return bytes;
}

/** Writes, and waits while the caller reads too slowly. */
async function write(response: ServerResponse, bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (response.write(bytes) || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = () => resolve();
  response.once("drain", go);
  response.once("close", go);
  await promise;
  response.off("drain", go);
  response.off("close", go);
}
