import { createHash } from "node:crypto";
import type { BlobStore } from "../lib/blobs/blob-store.ts";
import { AppError } from "../lib/errors.ts";
import type { StoredFile } from "./stored-file.ts";

/** Some bytes of a file. */
export interface ByteRange {
  /** First byte, from 0. */
  readonly start: number;
  /** Byte after the last. */
  readonly end: number;
}

/** Most parts of one file; Azure's own limit. */
const MAX_PARTS = 50_000;
/** So much is read at a time. */
const READ_BYTES = 1024 * 1024;

/** A part that is being sent. */
export interface PartUpload {
  readonly folder: string;
  /** Identifies the part in its file; sending it again replaces it. */
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/**
 * Files that come in parts, in any order and from several connections. Every part is a blob of its own and stays one:
 * what is complete is a list of parts, so that nothing is copied, and any replica can take any part.
 */
export class Uploads {
  readonly #blobs: BlobStore;
  readonly #maxBytes: number;
  /** Bytes that came for files which are not complete; a hint that keeps one client from filling the disk. */
  readonly #staged = new Map<string, number>();

  /** @param maxBytes of one file */
  constructor(blobs: BlobStore, maxBytes: number) {
    this.#blobs = blobs;
    this.#maxBytes = maxBytes;
  }

  /** Takes one part. @throws AppError exhausted when it alone is too large */
  async write({ folder, name, content, signal }: PartUpload): Promise<void> {
    const staged = this.#staged.get(folder) ?? 0;
    // a part that is sent again counts twice, so there is some air
    const maxBytes = Math.min(this.#maxBytes, 2 * this.#maxBytes - staged);
    let size = 0;
    const counted = async function* () {
      for await (const chunk of content) {
        size += chunk.length;
        if (size > maxBytes) throw new AppError("exhausted", "the upload is too large");
        yield chunk;
      }
    };
    await this.#blobs.put(`${folder}/${partName(name)}`, counted(), { signal });
    this.#staged.set(folder, (this.#staged.get(folder) ?? 0) + size);
  }

  /** The file that these parts make, in this order. @throws AppError invalid when one is missing, exhausted when they are too large */
  async assemble(folder: string, names: readonly string[]): Promise<StoredFile> {
    if (names.length > MAX_PARTS) throw new AppError("invalid", `a file has at most ${MAX_PARTS} parts`);
    const there = new Map((await this.#blobs.list(folder)).map(({ key, size }) => [key, size]));
    const parts = names.map((name) => {
      const size = there.get(`${folder}/${partName(name)}`);
      if (size === undefined) throw new AppError("invalid", `a part of the file was not uploaded: ${name}`);
      return { name: partName(name), size };
    });
    return this.#checked(folder, parts);
  }

  /**
   * The file that parts named by `rangeName` make. @throws AppError invalid when bytes are missing or came twice,
   * exhausted when it is too large
   */
  async assembleRanges(folder: string): Promise<StoredFile> {
    let next = 0;
    const parts = (await this.#blobs.list(folder)).map(({ key, size }) => {
      const name = key.slice(folder.length + 1);
      if (Number(name) !== next) throw new AppError("invalid", `bytes ${next} and following were not uploaded`);
      next += size;
      return { name, size };
    });
    return this.#checked(folder, parts);
  }

  /** Folders directly below one that hold something. */
  async folders(folder: string): Promise<readonly string[]> {
    const names = (await this.#blobs.list(folder)).map(({ key }) => key.slice(folder.length + 1).split("/")[0]);
    return [...new Set(names)].map((name) => `${folder}/${name}`);
  }

  /** The bytes of a file. */
  async *read({ folder, parts }: StoredFile, range: ByteRange = { start: 0, end: Number.MAX_SAFE_INTEGER }) {
    let start = 0;
    for (const { name, size } of parts) {
      const from = Math.max(range.start - start, 0);
      const to = Math.min(range.end - start, size);
      for (let at = from; at < to; at += READ_BYTES) {
        const bytes = await this.#blobs.read(`${folder}/${name}`, at, Math.min(READ_BYTES, to - at));
        if (bytes === undefined || bytes.length === 0) throw new AppError("not_found", `a part of ${folder} is gone`);
        yield bytes;
      }
      start += size;
      if (start >= range.end) return;
    }
  }

  /** SHA-256 of a file, in hex. */
  async digest(file: StoredFile): Promise<string> {
    const hash = createHash("sha256");
    for await (const chunk of this.read(file)) hash.update(chunk);
    return hash.digest("hex");
  }

  /** Removes all files below a folder. */
  async remove(folder: string): Promise<void> {
    this.#staged.delete(folder);
    await this.#blobs.deleteAll(folder);
  }

  #checked(folder: string, parts: StoredFile["parts"]): StoredFile {
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    this.#staged.delete(folder);
    if (size > this.#maxBytes) {
      throw new AppError("exhausted", `the file has ${size} bytes; at most ${this.#maxBytes} are taken`);
    }
    return { folder, parts, size };
  }
}

/** Name of the part that begins at this byte; sorts by it. */
export function rangeName(start: number): string {
  return String(start).padStart(16, "0");
}

/** Names of parts are the client's (Azure: base64); ranges keep theirs, so that they sort. */
function partName(name: string): string {
  return /^\d{16}$/.test(name) ? name : createHash("sha256").update(name).digest("hex").slice(0, 40);
}
