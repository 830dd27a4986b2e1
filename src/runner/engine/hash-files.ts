import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { create } from "@actions/glob";
import { AppError } from "../../lib/errors.ts";

/** GitHub's limit for one `hashFiles`, in milliseconds. */
export const HASH_LIMIT_MS = 120_000;
const FOLLOW = "--follow-symbolic-links";

/**
 * `hashFiles(patterns…)` below a directory of this machine: SHA-256 over the binary SHA-256 of each file, in the order of
 * the glob; directories and files outside are left out; the empty string when nothing matched.
 * @throws AppError timeout when the signal aborts
 */
export async function hashFiles(
  root: string,
  patterns: readonly string[],
  options: { signal: AbortSignal },
): Promise<string> {
  const follow = patterns[0] === FOLLOW;
  const globber = await create(
    (follow ? patterns.slice(1) : patterns).map((pattern) => below(root, pattern)).join("\n"),
    { followSymbolicLinks: follow },
  );
  const { signal } = options;
  const total = createHash("sha256");
  let count = 0;
  for await (const file of globber.globGenerator()) {
    if (signal.aborted) {
      throw new AppError("timeout", `hashFiles(${patterns.join(", ")}) was stopped: it may take 120 seconds`);
    }
    if (!file.startsWith(root + sep) || (await stat(file)).isDirectory()) continue;
    const hash = createHash("sha256");
    await pipeline(createReadStream(file), hash, { signal });
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
