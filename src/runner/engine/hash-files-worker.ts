import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { parentPort, workerData } from "node:worker_threads";
import { create } from "@actions/glob";

/** What the thread is asked. */
export interface HashFilesAsk {
  /** The workspace. */
  readonly root: string;
  readonly patterns: readonly string[];
}

/** Option that may stand in place of the first pattern. */
const FOLLOW = "--follow-symbolic-links";

async function hashBelow({ root, patterns }: HashFilesAsk): Promise<string> {
  const follow = patterns[0] === FOLLOW;
  const wanted = (follow ? patterns.slice(1) : patterns).map((pattern) => below(root, pattern));
  const globber = await create(wanted.join("\n"), { followSymbolicLinks: follow });
  const total = createHash("sha256");
  let count = 0;
  for await (const file of globber.globGenerator()) {
    if (!file.startsWith(root + sep) || (await stat(file)).isDirectory()) continue;
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash);
    total.update(hash.digest());
    count += 1;
  }
  return count === 0 ? "" : total.digest("hex");
}

/** The glob library reads relative patterns from the process's own directory. */
function below(root: string, pattern: string): string {
  const trimmed = pattern.trim();
  if (trimmed.startsWith("!")) return `!${below(root, trimmed.slice(1))}`;
  return isAbsolute(trimmed) || trimmed === "" || trimmed.startsWith("#") ? trimmed : join(root, trimmed);
}

parentPort?.postMessage(await hashBelow(workerData as HashFilesAsk));
