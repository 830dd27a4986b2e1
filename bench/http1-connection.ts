import { connect, type Socket } from "node:net";
import type { Call } from "./load.ts";

/** One whole answer. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** A keep-alive HTTP/1.1 connection that has one call at a time under way. */
export interface Http1Connection {
  send(call: Call): void;
  /** Closes it; resolves when it is closed. */
  end(): Promise<void>;
}

/**
 * Opens a connection, as cheap as node allows: requests are preencoded bytes, answers are only cut at their end.
 * @param onAnswer called with each answer, and may send the next call at once
 * @param onFailure called when the connection breaks
 */
export function openHttp1(
  port: number,
  onAnswer: (answer: Answer) => void,
  onFailure: (error: Error) => void,
): Http1Connection {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let buffer: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    const answer = cutAnswer(buffer);
    if (answer === undefined) return;
    buffer = Buffer.alloc(0);
    onAnswer(answer);
  });
  const onEnd = () => onFailure(new Error("the server closed the connection"));
  socket.once("error", onFailure);
  socket.once("end", onEnd);
  return {
    send: (call) => socket.write(request(call)),
    end: () => {
      socket.off("end", onEnd);
      return ended(socket);
    },
  };
}

/** The bytes of a request. */
export function request({ method, headers, body }: Call): Buffer {
  const head =
    `POST /api/actions/${method} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers.map(([k, v]) => `${k}: ${v}\r\n`).join("")}` +
    `content-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    socket.once("close", () => resolve());
    socket.destroySoon();
  });
}

/** The answer, once all of it is there. Both framings that a server may choose are understood. */
function cutAnswer(buffer: Buffer): Answer | undefined {
  const headEnd = buffer.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = buffer.toString("latin1", 0, headEnd).toLowerCase();
  const status = Number(head.slice(9, 12));
  const bodyStart = headEnd + 4;
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) {
    const bodyEnd = bodyStart + Number(length);
    return buffer.length < bodyEnd ? undefined : { status, body: buffer.subarray(bodyStart, bodyEnd) };
  }
  if (!buffer.subarray(-5).equals(LAST_CHUNK)) return undefined;
  return { status, body: dechunked(buffer.subarray(bodyStart)) };
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");

function dechunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
