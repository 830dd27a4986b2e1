import { constants, type Stats } from "node:fs";
import { chown, type FileHandle, mkdir, open, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { FileContent, OpenFile } from "../executor.ts";
import { openFile } from "../open-file.ts";
import type { User } from "./job-folders.ts";

/** O_NONBLOCK: opening a fifo that a job left must not wait for its other end. O_NOFOLLOW: links were resolved and checked before. */
const SAFE = constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Files inside a job's folders. Links are resolved first, and what then lies outside is refused: where jobs run
 * as another user, a link must not make the runner write, or show, what that user could not.
 */
export class JobFiles {
  readonly #roots: readonly string[];
  readonly #user: User | undefined;

  /** @param roots real paths (without links) below which files may lie */
  constructor(roots: readonly string[], user: User | undefined) {
    this.#roots = roots;
    this.#user = user;
  }

  /** Writes a file, making the folders above it. @throws AppError invalid when it is outside, or not a regular file */
  async write(path: string, content: FileContent, mode = 0o644): Promise<void> {
    this.#check(path, path);
    const folder = await this.#makeFolder(dirname(path));
    await using file = (await openNew(join(folder, basename(path)), mode)) ?? (await this.#openOld(path, folder, mode));
    await file.writeFile(content);
    await file.chmod(mode);
    if (this.#user !== undefined) await file.chown(this.#user.uid, this.#user.gid);
  }

  async #openOld(path: string, folder: string, mode: number): Promise<FileHandle> {
    const real = await realpath(path).catch(() => join(folder, basename(path)));
    this.#check(real, path);
    const flags = constants.O_WRONLY | constants.O_CREAT | SAFE;
    await using stack = new AsyncDisposableStack();
    const file = await open(real, flags, mode).catch((error: unknown) => {
      throw new AppError(
        "invalid",
        `${path} could not be written; it is not a regular file, or its folder is not writable`,
        error,
      );
    });
    stack.use(file);
    await checkRegular(file, path);
    await file.truncate();
    stack.move();
    return file;
  }

  /** Reads a file; undefined when there is none. @throws AppError invalid (outside, not a regular file), exhausted */
  async read(path: string, maxBytes: number): Promise<Buffer | undefined> {
    await using opened = await this.#openToRead(path);
    if (opened === undefined) return undefined;
    // most of the files through which a step may talk are empty
    return opened.stats.size === 0 ? Buffer.alloc(0) : await readAtMost(opened.file, path, maxBytes);
  }

  /** Opens a file for reading; undefined when there is none. @throws AppError invalid (outside, not a regular file) */
  async open(path: string): Promise<OpenFile | undefined> {
    const opened = await this.#openToRead(path);
    return opened && openFile(opened.file, opened.stats.size);
  }

  async #openToRead(path: string) {
    this.#check(path, path);
    try {
      const real = await realpath(path);
      this.#check(real, path);
      await using stack = new AsyncDisposableStack();
      const file = stack.use(await open(real, constants.O_RDONLY | SAFE));
      const stats = await checkRegular(file, path);
      stack.move();
      return { file, stats, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
    } catch (error) {
      if (error instanceof AppError) throw error;
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw new AppError("unavailable", `${path} could not be read (${String(code)})`, error);
    }
  }

  /** Makes the missing folders, each checked before it is entered, and returns the real path. */
  async #makeFolder(path: string): Promise<string> {
    const known = await realpath(path).catch(() => undefined);
    if (known !== undefined) {
      this.#check(known, path);
      return known;
    }
    const made = join(await this.#makeFolder(dirname(path)), basename(path));
    await mkdir(made, { recursive: true });
    if (this.#user !== undefined) await chown(made, this.#user.uid, this.#user.gid);
    return made;
  }

  #check(real: string, asked: string): void {
    const inside =
      !asked.split(sep).includes("..") && this.#roots.some((root) => real === root || real.startsWith(root + sep));
    if (!inside)
      throw new AppError(
        "invalid",
        `${asked} is outside of the job's folders; use a path below the workspace or RUNNER_TEMP`,
      );
  }
}

/** A file that is not there yet needs none of the checks; undefined when something is there. */
async function openNew(path: string, mode: number): Promise<FileHandle | undefined> {
  return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode).catch(() => undefined);
}

async function checkRegular(file: FileHandle, path: string): Promise<Stats> {
  const stats = await file.stat();
  if (!stats.isFile()) throw new AppError("invalid", `${path} is not a regular file`);
  return stats;
}

/** A file may grow while it is read, so its size alone does not tell. */
async function readAtMost(file: FileHandle, path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of file.createReadStream({ autoClose: false, end: maxBytes })) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  if (size > maxBytes) throw new AppError("exhausted", `${path} is larger than the ${maxBytes} bytes that are allowed`);
  return Buffer.concat(chunks, size);
}
