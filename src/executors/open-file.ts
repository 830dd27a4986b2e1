import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import type { OpenFile } from "./executor.ts";

/** So much is read at a time. */
const PIECE_BYTES = 256 * 1024;

/** The view of a file that the runner reads by; disposing closes the file. @param size in bytes */
export function openFile(file: FileHandle, size: number): OpenFile {
  return {
    size,
    read: ({ start, end } = { start: 0, end: size }) => Readable.from(pieces(file, start, end), { objectMode: false }),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

/** The file's own streams would close it with themselves, however they were made. */
async function* pieces(file: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; ) {
    const { bytesRead, buffer } = await file.read({
      buffer: Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at)),
      position: at,
    });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
