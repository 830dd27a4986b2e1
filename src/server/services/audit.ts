import type { JsonValue } from "../../lib/json.ts";
import type { WriteTables } from "../storage/store.ts";

/** Who did something: an account, or null for the server itself and for callers without one; and from where. */
export interface Actor {
  readonly accountId: number | null;
  /** The caller's network address, or null for the server itself. */
  readonly address: string | null;
}

/** What the server does by itself. */
export const SERVER_ACTOR: Actor = { accountId: null, address: null };

/**
 * Writes a row of the audit log, in the transaction of the change that it tells of. Never holds a secret.
 * @param action such as `runner.register`
 * @param target such as `runner:42`
 */
export function audit(
  tx: WriteTables,
  now: number,
  actor: Actor,
  entry: { readonly action: string; readonly target: string; readonly detail?: { readonly [key: string]: JsonValue } },
): Promise<void> {
  return tx.audit.append({
    at: now,
    actorId: actor.accountId,
    address: actor.address,
    action: entry.action,
    target: entry.target,
    detail: entry.detail ?? {},
  });
}
