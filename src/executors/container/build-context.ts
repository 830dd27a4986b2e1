import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { makeTar, tarEntries } from "../../lib/tar-entries.ts";
import { IgnoreRules } from "./ignore-rules.ts";

/** Never through a link, which a job could let point out of its folders, and never waiting at a fifo. */
const SAFE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MAX_BYTES = 1024 * 1024;
const RULES = ".dockerignore";

/**
 * The files of a build as the engine is to get them: without those that `.dockerignore` leaves out, which Docker's own
 * client drops before it sends them. It is read from at once. @param archive of the whole folder, names beginning with `./`
 * @throws AppError invalid when the rules are too long
 */
export function withoutIgnored(archive: Readable, rules: string, dockerfile: string): Readable {
  const ignored = new IgnoreRules(rules);
  return makeTar(async (add) => {
    for await (const { header, content, skip } of tarEntries(archive)) {
      const name = header.name.replace(/^\.\//, "").replace(/\/$/, "");
      // the engine itself needs these two, and lets no COPY see them where they are left out
      const wanted = name === "" || name === "." || name === dockerfile || name === RULES || !ignored.ignores(name);
      if (wanted) await add(header, content);
      else skip();
    }
  });
}

/** The rules in a folder; undefined when there are none. */
export async function readIgnoreRules(folder: string): Promise<string | undefined> {
  try {
    await using file = await open(join(folder, RULES), SAFE);
    if (!(await file.stat()).isFile()) return undefined;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return buffer.subarray(0, bytesRead).toString("utf8");
  } catch {
    return undefined; // there is none
  }
}
