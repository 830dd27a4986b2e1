import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { AppError } from "../errors.ts";
import { syncDirectory } from "../sync-directory.ts";
import type { BlobFacts, BlobStore } from "./blob-store.ts";

const KEY = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/;

/** Blobs as files of a folder, which several servers may share. */
export class FolderBlobStore implements BlobStore {
  readonly #root: string;

  /** @param root absolute path of the folder; made when the first blob comes */
  constructor(root: string) {
    this.#root = root;
  }

  async put(key: string, content: AsyncIterable<Uint8Array>, { signal }: { signal: AbortSignal }): Promise<void> {
    const path = this.#pathOf(key);
    const temporary = `${path}.${randomUUID()}.tmp`;
    try {
      const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(temporary, "wx", 0o600);
      try {
        for await (const chunk of content) {
          signal.throwIfAborted();
          await writeAll(file, chunk);
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      const last = made === undefined ? dirname(path) : dirname(this.#root);
      for (let folder = dirname(path); folder.length >= last.length; folder = dirname(folder)) {
        await syncDirectory(folder);
        if (folder === dirname(folder)) break;
      }
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw signal.aborted || error instanceof AppError ? error : failed(path, error);
    }
  }

  async read(key: string, from: number, length: number): Promise<Buffer | undefined> {
    const path = this.#pathOf(key);
    try {
      await using file = await open(path, "r");
      const { size } = await file.stat();
      const start = from < 0 ? Math.max(0, size + from) : Math.min(from, size);
      const bytes = Buffer.allocUnsafeSlow(Math.min(length, size - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return bytes.subarray(0, filled);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw failed(path, error);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const path = this.#pathOf(key);
      await rm(path, { force: true }).catch((error) => {
        throw failed(path, error);
      });
    }
  }

  async list(prefix: string): Promise<readonly BlobFacts[]> {
    const folder = this.#pathOf(prefix);
    try {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(".tmp"));
      const facts = files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        return { key: relative(this.#root, path).replaceAll(sep, "/"), size: (await stat(path)).size };
      });
      return (await Promise.all(facts)).sort((a, b) => (a.key < b.key ? -1 : 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw failed(folder, error);
    }
  }

  async deleteAll(prefix: string): Promise<void> {
    const folder = this.#pathOf(prefix);
    await rm(folder, { recursive: true, force: true }).catch((error) => {
      throw failed(folder, error);
    });
  }

  #pathOf(key: string): string {
    if (!KEY.test(key)) throw new AppError("internal", `"${key}" is no key of a blob`);
    return join(this.#root, key);
  }
}

/** A file may take less than it was given. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

function failed(path: string, error: unknown): AppError {
  const { code } = error as NodeJS.ErrnoException;
  return new AppError("unavailable", `${path} cannot be used (${code}); check the disk and its permissions`, error);
}
