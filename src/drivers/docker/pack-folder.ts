import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { AppError } from "../../lib/errors.ts";

/** A folder on its way to an engine. */
export interface PackedFolder extends Disposable {
  readonly archive: Readable;
}

/**
 * Packs a folder as a tar archive; `tar` packs links as links, and never reads through one.
 * @param folder its path, or `/proc/…/fd/…` of an open one
 */
export function packFolder(folder: string): PackedFolder {
  const tar = spawn("tar", ["-c", "--", "."], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
  const fail = (why: string) => tar.stdout.destroy(new AppError("unavailable", `the folder cannot be packed: ${why}`));
  tar.on("error", ({ message }) => fail(message));
  tar.on("exit", (code) => (code === 0 ? undefined : fail(`tar ended with ${code ?? "a signal"}`)));
  return { archive: tar.stdout, [Symbol.dispose]: () => void tar.kill("SIGKILL") };
}
