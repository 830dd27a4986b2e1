import type { IncomingMessage } from "node:http";
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { AppError } from "../../lib/errors.ts";
import { boundedEntries } from "./bounded-entries.ts";

/** Messages in one message. */
const MOST_ENTRIES = 1_000_000;
/** A message of this length cannot hold too many. */
const UNCOUNTED_BYTES = 2 * MOST_ENTRIES;

/**
 * The body of a request as a message.
 * @throws ConnectError resource_exhausted when it is longer than `maxBytes`, aborted when it does not arrive whole ·
 *   AppError invalid when it is no message of this type
 */
export async function readMessage<T extends DescMessage>(
  request: IncomingMessage,
  type: T,
  maxBytes: number,
): Promise<MessageShape<T>> {
  return decoded(type, await readBody(request, maxBytes));
}

function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else reject(new ConnectError(`the message is larger than ${maxBytes} bytes`, Code.ResourceExhausted));
    });
    request.once("end", () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.once("close", () => {
      if (!request.complete) reject(new ConnectError("the message did not arrive whole", Code.Canceled));
    });
    request.once("error", reject);
  });
}

function decoded<I extends DescMessage>(type: I, body: Buffer): MessageShape<I> {
  try {
    return fromBinary(type, body.length > UNCOUNTED_BYTES ? boundedEntries(type, body, MOST_ENTRIES) : body);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("invalid", `the request is not a ${type.typeName}`, error);
  }
}
