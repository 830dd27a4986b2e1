import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, errorText } from "../lib/errors.ts";
import { writeFileAtomic } from "../lib/write-file-atomic.ts";

/**
 * Text of a file that holds a token, or undefined where there is no such file.
 * Refuses what others could read or have planted: a link, another owner, group or world bits.
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode } = await file.stat();
    const own = process.getuid?.();
    if (own !== undefined && uid !== own) {
      throw new AppError(
        "forbidden",
        `${path} belongs to another user (uid ${uid}), so it is not trusted: remove it, or set ACT_RUNNER_SERVER and ACT_RUNNER_API_TOKEN`,
      );
    }
    if (own !== undefined && (mode & 0o077) !== 0) {
      throw new AppError(
        "forbidden",
        `${path} holds a token and others may read it (mode ${(mode & 0o777).toString(8)}): chmod 600 ${path}`,
      );
    }
    return await file.readFile("utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP")
      throw new AppError(
        "forbidden",
        `${path} is a symbolic link, so it is not trusted: replace it by the file`,
        error,
      );
    throw new AppError("invalid", `${path} cannot be read (${errorText(error)}): make it readable or remove it`, error);
  }
}

/** Writes a file that only its owner may read, all at once: a reader sees the old text or the new one. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, text);
  } catch (error) {
    throw new AppError(
      "invalid",
      `${path} cannot be written (${errorText(error)}): make its directory writable`,
      error,
    );
  }
}
