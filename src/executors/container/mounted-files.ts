import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readlink } from "node:fs/promises";
import { posix } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { FileContent, OpenFile } from "../executor.ts";
import { openFile } from "../open-file.ts";
import type { FolderMount } from "./build-container.ts";

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** O_NONBLOCK: opening a fifo that a job left must not wait for its other end. */
const SAFE = constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** As many links as the kernel follows. */
const MAX_LINKS = 40;

/**
 * Files in the folders that a container shares with this machine. Paths are the container's. A process of the
 * job may change the folders at any time, and this side may be root, so that no path is ever handed to the kernel whole:
 * every folder is opened from the one above it and never through a link. Links are read, and followed as the container
 * would, as long as they stay inside.
 */
export class MountedFiles {
  readonly #mounts: readonly FolderMount[];

  constructor(mounts: readonly FolderMount[]) {
    this.#mounts = mounts;
  }

  /** Writes a file, making the folders above it. @throws AppError invalid when it is outside, or not a regular file */
  async write(path: string, content: FileContent, mode = 0o644): Promise<void> {
    await using file = await this.#open(path, constants.O_WRONLY | constants.O_CREAT | SAFE, {
      mode,
      makeFolders: true,
    });
    if (file === undefined) throw refused(path);
    await checkRegular(file, path);
    await file.truncate();
    await file.writeFile(content);
    await file.chmod(mode);
  }

  /** Reads a file; undefined when there is none. @throws AppError invalid (outside, not a regular file), exhausted */
  async read(path: string, maxBytes: number): Promise<Buffer | undefined> {
    await using file = await this.#open(path, constants.O_RDONLY | SAFE, { mode: 0, makeFolders: false });
    if (file === undefined) return undefined;
    await checkRegular(file, path);
    const buffer = await readAtMost(file, maxBytes + 1);
    if (buffer.length > maxBytes) {
      throw new AppError("exhausted", `${path} is larger than the ${maxBytes} bytes that are allowed`);
    }
    return buffer;
  }

  /** Opens a file for reading; undefined when there is none. @throws AppError invalid (outside, not a regular file) */
  async openFile(path: string): Promise<OpenFile | undefined> {
    await using stack = new AsyncDisposableStack();
    const file = await this.#open(path, constants.O_RDONLY | SAFE, { mode: 0, makeFolders: false });
    if (file === undefined) return undefined;
    stack.use(file);
    await checkRegular(file, path);
    const { size } = await file.stat();
    stack.move();
    return openFile(file, size);
  }

  /** Opens a folder for reading below it. @throws AppError invalid when it is outside, or no folder; not_found */
  async openFolder(path: string): Promise<FileHandle> {
    const folder = await this.#open(path, FOLDER, { mode: 0, makeFolders: false });
    if (folder === undefined) throw new AppError("not_found", `there is no folder ${path}`);
    return folder;
  }

  /** Undefined when the file, or a folder above it, does not exist. */
  async #open(
    path: string,
    flags: number,
    how: { mode: number; makeFolders: boolean },
  ): Promise<FileHandle | undefined> {
    if (path.split("/").includes("..")) throw outside(path);
    for (let wanted = path, links = 0; ; links += 1) {
      if (links > MAX_LINKS) throw refused(path);
      const found = await this.#walk(wanted, flags, how, path);
      if (!(found instanceof Object && "link" in found)) return found;
      wanted = found.link;
    }
  }

  /** Opens a path from its mount downwards; a link on the way comes back as the path that it means. */
  async #walk(
    path: string,
    flags: number,
    { mode, makeFolders }: { mode: number; makeFolders: boolean },
    asked: string,
  ): Promise<FileHandle | { readonly link: string } | undefined> {
    const mount = this.#mounts.find(({ target }) => path === target || path.startsWith(`${target}/`));
    if (mount === undefined) throw outside(asked);
    const names = path
      .slice(mount.target.length)
      .split("/")
      .filter((name) => name !== "" && name !== ".");
    if (names.length === 0) throw refused(asked);
    await using stack = new AsyncDisposableStack();
    let folder = stack.use(await open(mount.source, FOLDER));
    for (const [index, name] of names.entries()) {
      const here = `/proc/self/fd/${folder.fd}/${name}`;
      const last = index === names.length - 1;
      const opened = await openOrCode(here, last ? flags : FOLDER, mode);
      if (typeof opened !== "string") {
        if (last) return opened;
        folder = stack.use(opened);
        continue;
      }
      if (opened === "ENOENT" && !last && makeFolders) {
        await mkdir(here).catch(() => undefined);
        const made = await openOrCode(here, FOLDER, mode);
        if (typeof made === "string") throw refused(asked);
        folder = stack.use(made);
        continue;
      }
      if (opened === "ENOENT") return undefined;
      const link = await readlink(here).catch(() => undefined);
      if (link === undefined) {
        if (opened === "ENOTDIR" && !makeFolders) return undefined;
        throw refused(asked, opened);
      }
      const base = posix.join(mount.target, ...names.slice(0, index));
      return { link: posix.resolve(base, link, ...names.slice(index + 1)) };
    }
    throw refused(asked);
  }
}

async function openOrCode(path: string, flags: number, mode: number): Promise<FileHandle | string> {
  try {
    return await open(path, flags, mode);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "EIO";
  }
}

async function checkRegular(file: FileHandle, path: string): Promise<void> {
  if (!(await file.stat()).isFile()) throw new AppError("invalid", `${path} is not a regular file`);
}

/** A file may grow while it is read, so its size alone does not tell. */
async function readAtMost(file: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.createReadStream({ autoClose: false, end: maxBytes - 1 }))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function outside(path: string): AppError {
  return new AppError(
    "invalid",
    `${path} is outside of the job's folders; use a path below the workspace or RUNNER_TEMP`,
  );
}

function refused(path: string, code = ""): AppError {
  const why = code === "" ? "" : ` (${code})`;
  return new AppError(
    "invalid",
    `${path} could not be opened${why}; it is not a regular file that this runner may use`,
  );
}
