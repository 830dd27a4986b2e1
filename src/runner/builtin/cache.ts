import { posix } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib";
import { AppError, toAppError } from "../../lib/errors.ts";
import { renameEntries } from "../../lib/tar-entries.ts";
import type { Condition } from "../../workflow/model.ts";
import type { StageEnd, StageScope, StepHandler } from "../engine/step-handler.ts";
import { BuiltinInputs } from "./builtin-inputs.ts";
import {
  type CacheClient,
  type CacheCompression,
  cacheVersion,
  type FoundCache,
  openCacheClient,
} from "./cache-client.ts";
import { openJobServices } from "./job-services.ts";
import { JobTools } from "./job-tools.ts";
import { isBelow, PathPatterns } from "./path-patterns.ts";

/** What the main stage keeps for the post stage. */
const PRIMARY_KEY = "CACHE_KEY";
const MATCHED_KEY = "CACHE_RESULT";

const ON_SUCCESS: Condition = {
  expression: { source: "success()", root: { kind: "call", name: "success", args: [] } },
  source: "success()",
  range: { line: 1, column: 1, endLine: 1, endColumn: 1 },
};

/**
 * `actions/cache`, built in; inputs and outputs are those of its version 5. Archives and their versions are those of
 * GitHub's client, so that either finds what the other has saved. `tar` of the job reads and writes the files.
 */
export const builtinCache: StepHandler = { main: restore, post: saveUnlessHit, postIf: ON_SUCCESS };

/** `actions/cache/restore`, built in. */
export const builtinCacheRestore: StepHandler = { main: restore };

/** `actions/cache/save`, built in. */
export const builtinCacheSave: StepHandler = { main: saveAlone };

/** What one needs to look for a cache, and to save one. */
interface CacheAccess {
  readonly client: CacheClient;
  readonly tools: JobTools;
  readonly paths: readonly string[];
  readonly compression: CacheCompression;
  readonly version: string;
}

async function restore(scope: StageScope): Promise<StageEnd> {
  const inputs = await BuiltinInputs.of(scope, "the cache");
  const key = inputs.required("key");
  const keys = [key, ...inputs.lines("restore-keys")];
  const failOnMiss = inputs.flag("fail-on-cache-miss", false);
  const lookupOnly = inputs.flag("lookup-only", false);
  checkKeys(keys);
  scope.saved.set(PRIMARY_KEY, key);
  scope.output("cache-primary-key", key);
  const access = await openCache(scope, inputs);
  if (access === undefined) scope.output("cache-hit", "false");
  const found = access && (await lookUp(scope, access, { keys, lookupOnly }));
  if (found === undefined) {
    if (failOnMiss) {
      const message = `Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: ${key}`;
      return { outcome: "failure", message };
    }
    await scope.log(`Cache not found for input keys: ${keys.join(", ")}`);
    return { outcome: "success" };
  }
  scope.saved.set(MATCHED_KEY, found.key);
  scope.output("cache-matched-key", found.key);
  scope.output("cache-hit", String(isSameKey(found.key, key)));
  await scope.log(`${lookupOnly ? "Cache found and can be restored" : "Cache restored"} from key: ${found.key}`);
  return { outcome: "success" };
}

async function saveUnlessHit(scope: StageScope): Promise<StageEnd> {
  const inputs = await BuiltinInputs.of(scope, "the cache");
  const key = scope.saved.get(PRIMARY_KEY) ?? inputs.text("key");
  const matched = scope.saved.get(MATCHED_KEY);
  if (matched !== undefined && isSameKey(matched, key)) {
    await scope.log(`Cache hit occurred on the primary key ${key}, not saving cache.`);
    return { outcome: "success" };
  }
  await save(scope, inputs, key);
  return { outcome: "success" };
}

async function saveAlone(scope: StageScope): Promise<StageEnd> {
  const inputs = await BuiltinInputs.of(scope, "the cache");
  const key = inputs.required("key");
  checkKeys([key]);
  await save(scope, inputs, key);
  return { outcome: "success" };
}

/** A cache is a help, and never a reason to fail: what goes wrong is a warning. */
async function save(scope: StageScope, inputs: BuiltinInputs, key: string): Promise<void> {
  const access = await openCache(scope, inputs);
  if (access === undefined) return;
  const { client, tools, paths, compression, version } = access;
  const { workspace } = scope.environment.paths;
  try {
    const patterns = new PathPatterns(paths, { workspace, home: tools.home, descendants: false });
    const all = await tools.find(patterns, { filesOnly: false });
    const wanted = all.filter((path) => !all.some((other) => other !== path && isBelow(path, other)));
    if (wanted.length === 0) {
      const sentence = "Path Validation Error: Path(s) specified in the action for caching do(es) not exist,";
      await scope.log(`##[warning]${sentence} hence no cache is being saved.`);
      return;
    }
    await using packed = await tools.pack(wanted, { followLinks: false });
    const names = (name: string) => posix.relative(workspace, posix.resolve("/", name)) || ".";
    const compress = compression === "gzip" ? createGzip : createZstdCompress;
    const content = () => through(renameEntries(packed.read(), keepSlash(names)), compress());
    const size = await client.save(key, version, content);
    await scope.log(`Cache saved with key: ${key} (${size} bytes)`);
  } catch (error) {
    const { code, message } = toAppError(error);
    if (code === "cancelled") throw error;
    await scope.log(`##[warning]Failed to save: ${message}`);
  }
}

async function lookUp(
  scope: StageScope,
  { client, tools, compression, version }: CacheAccess,
  { keys, lookupOnly }: { readonly keys: readonly string[]; readonly lookupOnly: boolean },
): Promise<FoundCache | undefined> {
  try {
    const found = await client.find(keys, version);
    if (found === undefined || lookupOnly) return found;
    const { workspace } = scope.environment.paths;
    const content = Readable.from(await found.download());
    const plain = through(content, compression === "gzip" ? createGunzip() : createZstdDecompress());
    const names = (name: string) => `.${posix.resolve(workspace, name)}`;
    await tools.unpack(renameEntries(plain, keepSlash(names)), workspace);
    return found;
  } catch (error) {
    const { code, message } = toAppError(error);
    if (code === "cancelled") throw error;
    await scope.log(`##[warning]Failed to restore: ${message}`);
    return undefined;
  }
}

/** Undefined where the job has no cache service, which is said in its log. */
async function openCache(scope: StageScope, inputs: BuiltinInputs): Promise<CacheAccess | undefined> {
  inputs.required("path");
  const paths = inputs.lines("path");
  const client = openCacheClient(await openJobServices(scope));
  if (client === undefined) {
    await scope.log("##[warning]There is no cache service for this job: nothing is restored and nothing saved.");
    return undefined;
  }
  const tools = await JobTools.open(scope);
  // the archive is made by the runner; GitHub's client, whose choice this is, looks at what the job has
  const compression = (await tools.has("zstd")) ? "zstd-without-long" : "gzip";
  return { client, tools, paths, compression, version: cacheVersion(paths, compression) };
}

/** Limits of GitHub's client. @throws AppError invalid */
function checkKeys(keys: readonly string[]): void {
  if (keys.length > 10) throw new AppError("invalid", "a cache has at most 10 keys to be restored by");
  const wrong = keys.find((key) => key.length > 512 || key.includes(","));
  if (wrong === undefined) return;
  throw new AppError("invalid", `the key '${wrong}' of the cache has a comma, or more than 512 characters`);
}

/** As GitHub compares them: without regard to case. */
function isSameKey(one: string, other: string): boolean {
  return one.localeCompare(other, undefined, { sensitivity: "accent" }) === 0;
}

/** Folders end with a slash in archives. */
function keepSlash(rename: (name: string) => string): (name: string) => string {
  return (name) => (name.endsWith("/") ? `${rename(name).replace(/\/$/, "")}/` : rename(name));
}

/** A stream that breaks off comes out as the error of what is read. */
function through(source: Readable, transform: NodeJS.ReadWriteStream & Readable): Readable {
  pipeline(source, transform, () => undefined);
  return transform;
}
