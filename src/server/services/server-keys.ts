import { createHmac, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../lib/errors.ts";
import type { Store } from "../storage/store.ts";

/** Keys derived from the one server key; each for one purpose. */
export interface ServerKeys {
  /** HMAC-SHA256 of tokens. */
  readonly mac: Buffer;
  /** AES-256-GCM of secrets at rest. */
  readonly seal: Buffer;
  /** HS256 of the runtime JWTs. */
  readonly jwt: Buffer;
  /** HMAC-SHA256 of signed addresses. */
  readonly sign: Buffer;
  /** Says which key it is without giving it away. */
  readonly check: string;
}

const META_KEY = "server_key_check";
const SHORTEST_KEY = 32;

/**
 * Reads the server key, from `key` (32 characters or more) or else from `<dataDir>/server.key`, which the first start
 * makes (mode 0600), and compares it with the check value in the database.
 * @throws AppError invalid for a key that is too short; conflict when the database was made with another key
 */
export async function openServerKeys(options: {
  readonly dataDir: string;
  readonly key?: string;
  readonly store: Store;
}): Promise<ServerKeys> {
  const path = join(options.dataDir, "server.key");
  const known = await options.store.read.meta.get(META_KEY);
  const keys = deriveServerKeys(options.key ?? (await keyOfFile(path, known === undefined)));
  const stored = known ?? (await options.store.write((tx) => tx.meta.putIfAbsent(META_KEY, keys.check)));
  if (stored !== keys.check) {
    throw new AppError(
      "conflict",
      `the database belongs to another server key than the one in ${options.key === undefined ? path : "the settings"}; start with the key it was made with`,
    );
  }
  return keys;
}

/** Derives the keys from the text of the server key. @throws AppError invalid when it is too short */
export function deriveServerKeys(secret: string): ServerKeys {
  if (secret.length < SHORTEST_KEY) {
    throw new AppError("invalid", `the server key is too short: give at least ${SHORTEST_KEY} characters`);
  }
  const derive = (purpose: string) => Buffer.from(hkdfSync("sha256", secret, "act-runner-ts", purpose, 32));
  const check = createHmac("sha256", derive("check")).update("server key check value").digest("hex");
  return {
    mac: derive("token mac"),
    seal: derive("seal"),
    jwt: derive("runtime jwt"),
    sign: derive("signed addresses"),
    check,
  };
}

async function keyOfFile(path: string, mayCreate: boolean): Promise<string> {
  const text = await readIfThere(path);
  if (text !== undefined) return text.trim();
  if (!mayCreate) {
    throw new AppError("conflict", `the server key ${path} is missing, but the database was made with one; restore it`);
  }
  await createKeyFile(path);
  return (await readFile(path, "utf8")).trim();
}

/** The file appears complete or not at all, and the first of two servers that start at once wins. */
async function createKeyFile(path: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  try {
    await using file = await open(draft, "wx", 0o600);
    await file.writeFile(`${randomBytes(32).toString("hex")}\n`);
    await file.sync();
    await link(draft, path).catch(ignoreExisting);
  } finally {
    await rm(draft, { force: true });
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw new AppError("unavailable", `the server key ${path} cannot be read; check the file's owner and mode`, error);
  }
}

function ignoreExisting(error: unknown): void {
  if (errorCode(error) !== "EEXIST") throw error;
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
