import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { AppError, errorText } from "../../lib/errors.ts";
import type { HashFilesAsk } from "./hash-files-worker.ts";

/** GitHub's limit for one `hashFiles`, in milliseconds. */
export const HASH_LIMIT_MS = 120_000;

/** Beside this file, with the same ending: the source and the published code differ in it. */
const WORKER_FILE = new URL(`./hash-files-worker${extname(import.meta.url)}`, import.meta.url);

/**
 * `hashFiles(patterns…)` below a directory of this machine: SHA-256 over the binary SHA-256 of each file, in the order of
 * the glob; directories and files outside are left out; the empty string when nothing matched.
 *
 * It runs in a thread of its own: GitHub's glob library writes to the standard output, and a large tree takes long.
 * @throws AppError timeout when the signal aborts; unavailable when a file cannot be read
 */
export async function hashFiles(
  root: string,
  patterns: readonly string[],
  options: { signal: AbortSignal },
): Promise<string> {
  const { signal } = options;
  const what = `hashFiles(${patterns.join(", ")})`;
  if (signal.aborted) throw stopped(what);
  const worker = new Worker(WORKER_FILE, {
    workerData: { root, patterns } satisfies HashFilesAsk,
    env: {},
    stdout: true,
    stderr: true,
  });
  try {
    const [hash] = (await once(worker, "message", { signal })) as [string];
    return hash;
  } catch (error) {
    if (signal.aborted) throw stopped(what);
    throw new AppError("unavailable", `${what} could not read the files: ${errorText(error)}`, error);
  } finally {
    await worker.terminate();
  }
}

function stopped(what: string): AppError {
  return new AppError("timeout", `${what} was stopped: it may take 120 seconds`);
}
