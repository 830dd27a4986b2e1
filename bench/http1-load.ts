import { connect, type Socket } from "node:net";
import type { CallSource, LoadResult } from "./load.ts";

/**
 * Sends calls over keep-alive HTTP/1.1 sockets, one at a time on each, until the source has no more. As cheap as node
 * allows: requests are preencoded bytes, answers are only cut at Content-Length.
 */
export async function http1Load(port: number, lanes: readonly CallSource[]): Promise<LoadResult> {
  const result: LoadResult = { calls: 0, failures: [], latenciesMs: [] };
  await Promise.all(lanes.map((lane) => runLane(port, lane, result)));
  return result;
}

function runLane(port: number, lane: CallSource, result: LoadResult): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let buffer: Buffer = Buffer.alloc(0);
    let sentAt = 0;
    const send = (): void => {
      const call = lane.next();
      if (call === undefined) {
        end(socket, resolve);
        return;
      }
      const head =
        `POST /api/actions/${call.method} HTTP/1.1\r\nhost: 127.0.0.1\r\n${call.headers.map(([k, v]) => `${k}: ${v}\r\n`).join("")}` +
        `content-length: ${call.body.length}\r\n\r\n`;
      sentAt = performance.now();
      socket.write(Buffer.concat([Buffer.from(head, "latin1"), call.body]));
    };
    socket.on("data", (chunk: Buffer) => {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
      const answer = cutAnswer(buffer);
      if (answer === undefined) return;
      buffer = Buffer.alloc(0);
      result.latenciesMs.push(performance.now() - sentAt);
      result.calls++;
      if (answer.status !== 200) result.failures.push(`${answer.status} ${answer.body}`);
      lane.answered(answer.body, answer.status === 200);
      send();
    });
    socket.once("error", reject);
    socket.once("end", () => reject(new Error("the server closed the connection")));
    socket.once("connect", send);
  });
}

function end(socket: Socket, resolve: () => void): void {
  socket.removeAllListeners("end");
  socket.once("close", () => resolve());
  socket.end();
}

/** The answer, once all of it is there. Both framings that a server may choose are understood. */
function cutAnswer(buffer: Buffer): { readonly status: number; readonly body: Buffer } | undefined {
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
