import type { Clock } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Store } from "../storage/store.ts";
import { audit, SERVER_ACTOR } from "./audit.ts";
import type { RegistrationTokens } from "./registration-tokens.ts";
import { takeStartLock } from "./start-lock.ts";
import type { TokenHasher } from "./token-hasher.ts";

const ADMIN = "admin";
const DONE_KEY = "bootstrap_done";
const SHORTEST_PRESET = 32;

/**
 * First start: makes the account `admin` with an API token that may do everything. Every start: makes the preset
 * tokens good, so that a set-up by script finds them.
 * @returns the admin token where it was made by this call, to be shown once; undefined when it is preset or known
 * @throws AppError invalid when a preset has less than 32 characters
 */
export async function bootstrap(
  deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly ids: Ids;
    readonly hasher: TokenHasher;
    readonly registrationTokens: RegistrationTokens;
  },
  presets: { readonly adminToken?: string; readonly registrationToken?: string },
): Promise<{ readonly adminToken?: string }> {
  const { adminToken, registrationToken } = presets;
  if (adminToken !== undefined && adminToken.length < SHORTEST_PRESET) {
    throw new AppError("invalid", `the preset admin token needs at least ${SHORTEST_PRESET} characters`);
  }
  const first = (await deps.store.read.meta.get(DONE_KEY)) === undefined;
  const made = adminToken ?? (first ? deps.ids.token() : undefined);
  const isMine = made !== undefined && (await makeAdmin(deps, made, adminToken !== undefined));
  if (registrationToken !== undefined) await deps.registrationTokens.preset(registrationToken);
  return isMine && made !== adminToken ? { adminToken: made } : {};
}

/** Whether the token was stored; false where it is there, or another replica made one at the same time. */
async function makeAdmin(deps: Parameters<typeof bootstrap>[0], token: string, isPreset: boolean): Promise<boolean> {
  const { store, clock, hasher } = deps;
  const mac = hasher.mac(token);
  if ((await store.read.apiTokens.findByMac(mac)) !== undefined) return false;
  const verifier = await hasher.make(token);
  return await store.write(async (tx) => {
    const now = clock.now();
    await takeStartLock(tx);
    if ((await tx.apiTokens.findByMac(mac)) !== undefined) return false;
    if (!isPreset && (await tx.meta.get(DONE_KEY)) !== undefined) return false;
    const account =
      (await tx.accounts.findByName(ADMIN)) ??
      (await tx.accounts.insert({ name: ADMIN, kind: "user", createdAt: now }));
    const row = await tx.apiTokens.insert(
      {
        accountId: account.id,
        name: "first admin token",
        grant: { kind: "admin" },
        access: "write",
        expiresAt: null,
        createdAt: now,
      },
      verifier,
    );
    await tx.meta.putIfAbsent(DONE_KEY, String(now));
    await audit(tx, now, SERVER_ACTOR, { action: "api_token.create", target: `api_token:${row.id}` });
    return true;
  });
}
