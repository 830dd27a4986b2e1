import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { AppError, errorText } from "../lib/errors.ts";
import type { Ids } from "../lib/ids.ts";
import type { BlobFacts, BlobRange, BlobStore } from "./blob-store.ts";

const KEY = /^[a-z0-9_-][a-z0-9._-]*(\/[a-z0-9_-][a-z0-9._-]*)*$/;
/** What is being written; no key begins with a dot. */
const UNFINISHED = ".unfinished-";
const READ_BYTES = 256 * 1024;

/** Blobs as files below a folder, which is made when missing. */
export class FolderBlobStore implements BlobStore {
  readonly #root: string;
  readonly #ids: Ids;

  constructor(options: { readonly root: string; readonly ids: Ids }) {
    this.#root = options.root;
    this.#ids = options.ids;
  }

  async put(
    key: string,
    content: AsyncIterable<Uint8Array>,
    { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal },
  ): Promise<number> {
    const path = this.#path(key);
    const unfinished = join(dirname(path), `${UNFINISHED}${this.#ids.uuid()}`);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      const size = await writeAll(unfinished, content, maxBytes, signal);
      await rename(unfinished, path);
      return size;
    } catch (error) {
      await rm(unfinished, { force: true });
      if (isFault(error, "ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES")) {
        throw new AppError("unavailable", `the store of blobs takes nothing (${errorText(error)})`, error);
      }
      throw error;
    }
  }

  async *get(key: string, range?: BlobRange): AsyncIterable<Uint8Array> {
    if (range !== undefined && range.end <= range.start) return;
    const bounds = range === undefined ? {} : { start: range.start, end: range.end - 1 };
    try {
      yield* createReadStream(this.#path(key), { ...bounds, highWaterMark: READ_BYTES });
    } catch (error) {
      if (isFault(error, "ENOENT")) throw new AppError("not_found", `the blob ${key} is gone`, error);
      throw error;
    }
  }

  async list(prefix: string): Promise<readonly BlobFacts[]> {
    const folder = this.#path(prefix);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
      if (isFault(error, "ENOENT")) return [];
      throw error;
    });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith(UNFINISHED));
    const facts = await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        return { key: relative(this.#root, path).replaceAll(sep, "/"), size: (await stat(path)).size };
      }),
    );
    return facts.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async deleteAll(prefix: string): Promise<void> {
    await rm(this.#path(prefix), { recursive: true, force: true });
  }

  #path(key: string): string {
    if (!KEY.test(key)) throw new AppError("internal", `"${key}" is no key of a blob`);
    return join(this.#root, ...key.split("/"));
  }
}

async function writeAll(
  path: string,
  content: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const file = await open(path, "wx", 0o600);
  try {
    let size = 0;
    for await (const chunk of content) {
      signal?.throwIfAborted();
      size += chunk.length;
      if (size > maxBytes)
        throw new AppError("exhausted", `the upload is too large: ${maxBytes} bytes may still be sent`);
      await file.writeFile(chunk);
    }
    await file.datasync();
    return size;
  } finally {
    await file.close();
  }
}

function isFault(error: unknown, ...codes: string[]): boolean {
  return codes.includes(String((error as NodeJS.ErrnoException).code));
}
