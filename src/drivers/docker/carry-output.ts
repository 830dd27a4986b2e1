import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { AppError } from "../../lib/errors.ts";
import type { LinePump } from "../process/line-pump.ts";

/** One piece of output. */
interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Buffer;
}

/** Length of a frame's head: the stream's number, three zero bytes, the length of the body. */
const HEAD = 8;

/**
 * Carries the output of an exec to its pump. Without a terminal both streams come over one connection, in frames
 * (docs.docker.com/engine/api, ContainerAttach); with one there is only the raw output. Holds up the connection, and
 * with it in the end the process, while the pump pushes back.
 */
export async function carryOutput(connection: Readable, pump: LinePump, raw: boolean): Promise<void> {
  if (raw) return await pump.carry(connection, "stdout");
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const carried = Promise.all([pump.carry(streams.stdout, "stdout"), pump.carry(streams.stderr, "stderr")]);
  const frames = new FrameSplitter();
  try {
    for await (const chunk of connection) {
      for (const { stream, bytes } of frames.push(chunk as Buffer)) {
        if (!streams[stream].write(bytes)) await once(streams[stream], "drain");
      }
    }
  } catch {
    // the connection was closed by us, or broke with the engine; what came before counts
  } finally {
    streams.stdout.end();
    streams.stderr.end();
  }
  await carried;
}

/** Cuts the connection's bytes into pieces of the two streams; a large frame comes in pieces as it arrives. */
export class FrameSplitter {
  #head = Buffer.alloc(0);
  #stream: Frame["stream"] = "stdout";
  #left = 0;

  /** @throws AppError unavailable when it is not what an engine sends */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) rest = this.#readHead(rest);
      const bytes = rest.subarray(0, this.#left);
      if (bytes.length > 0) frames.push({ stream: this.#stream, bytes });
      this.#left -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return frames;
  }

  /** Takes a head, or the part of it that came, and returns what follows. */
  #readHead(chunk: Buffer): Buffer {
    const missing = HEAD - this.#head.length;
    this.#head = Buffer.concat([this.#head, chunk.subarray(0, missing)]);
    if (this.#head.length < HEAD) return chunk.subarray(chunk.length);
    const kind = this.#head[0] ?? 0;
    if (kind > 2) throw new AppError("unavailable", "the engine's answer is not the output of a container");
    this.#stream = kind === 2 ? "stderr" : "stdout";
    this.#left = this.#head.readUInt32BE(4);
    this.#head = Buffer.alloc(0);
    return chunk.subarray(missing);
  }
}
