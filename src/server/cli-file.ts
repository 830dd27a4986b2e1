import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { AppError, errorText } from "../lib/errors.ts";
import type { Accounts } from "./services/accounts.ts";
import type { ApiTokens } from "./services/api-tokens.ts";
import { SERVER_ACTOR } from "./services/audit.ts";
import type { TokenHasher } from "./services/token-hasher.ts";
import type { Store } from "./storage/store.ts";

/** What writing the file needs. */
export interface CliFileDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly hasher: TokenHasher;
  readonly accounts: Accounts;
  readonly apiTokens: ApiTokens;
}

/**
 * Writes `<dataDir>/cli.json` (0600) with the server's address and an admin token, from which the CLI on this machine
 * finds both. A token that the file has already is kept while it is good; whoever can read the directory can do
 * everything anyway.
 * @param known an admin token that is at hand
 */
export async function writeCliFile(
  deps: CliFileDeps,
  dataDir: string,
  server: string,
  known: string | undefined,
): Promise<void> {
  const path = join(dataDir, "cli.json");
  const kept = known ?? (await keptToken(deps, path));
  const token = kept ?? (await newToken(deps));
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify({ server, token })}\n`, { mode: 0o600, flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new AppError(
      "unavailable",
      `${path} cannot be written (${errorText(error)}); check the data directory`,
      error,
    );
  }
}

/** The token of the file as it is, if it still may do everything. */
async function keptToken({ store, hasher, clock }: CliFileDeps, path: string): Promise<string | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(path, "utf8"));
    const token = typeof stored === "object" && stored !== null && "token" in stored ? stored.token : undefined;
    if (typeof token !== "string") return undefined;
    const row = await store.read.apiTokens.findByMac(hasher.mac(token));
    const good =
      row?.grant.kind === "admin" && row.access === "write" && (row.expiresAt === null || row.expiresAt > clock.now());
    return good ? token : undefined;
  } catch {
    // No file, or a damaged one: it is written anew.
    return undefined;
  }
}

async function newToken({ accounts, apiTokens }: CliFileDeps): Promise<string> {
  const admin = await accounts.get("admin");
  const wanted = { name: "cli.json", grant: { kind: "admin" }, access: "write", expiresAt: null } as const;
  return (await apiTokens.create(admin, wanted, SERVER_ACTOR)).token;
}
