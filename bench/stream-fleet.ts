import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { StreamTasksRequestSchema } from "../src/protocol/messages.ts";
import type { Identity } from "./bench-server.ts";
import { request } from "./http1-connection.ts";

/** Open streams that are never offered anything. */
export interface StreamFleet extends AsyncDisposable {
  /** Streams that have broken off. */
  readonly lost: number;
}

/** Opens a stream for each runner, some at a time, and reads what comes without looking at it. */
export async function openStreams(port: number, identities: readonly Identity[]): Promise<StreamFleet> {
  const sockets: Socket[] = [];
  const state = { lost: 0, closing: false };
  const queue = [...identities];
  const lane = async () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const socket = await openStream(port, next);
      socket.on("close", () => {
        if (!state.closing) state.lost++;
      });
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
  return {
    get lost() {
      return state.lost;
    },
    async [Symbol.asyncDispose]() {
      state.closing = true;
      await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve).destroy())));
    },
  };
}

/** A Connect server stream over HTTP/1.1; resolves at its first message. */
function openStream(port: number, identity: Identity): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    let opened = false;
    socket.on("data", (chunk: Buffer) => {
      if (opened) return;
      opened = true;
      if (chunk.toString("latin1", 0, 12) === "HTTP/1.1 200") resolve(socket);
      else reject(new Error(`StreamTasks: ${chunk}`));
    });
    socket.once("error", reject);
    const message = Buffer.from(toBinary(StreamTasksRequestSchema, create(StreamTasksRequestSchema, { capacity: 1 })));
    const envelope = Buffer.alloc(5);
    envelope.writeUInt32BE(message.length, 1);
    const headers = [
      ["content-type", "application/connect+proto"],
      ["connect-protocol-version", "1"],
      ["user-agent", "bench"],
      ...identity,
    ] as const;
    const method = "actrunner.v1.TaskStreamService/StreamTasks";
    socket.write(request({ method, headers, body: Buffer.concat([envelope, message]) }));
  });
}
