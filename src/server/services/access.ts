import { AppError } from "../../lib/errors.ts";
import type { ApiToken, Role } from "../domain/account.ts";

/** Who calls the REST interface: an account through one of its tokens. */
export interface Caller {
  readonly accountId: number;
  readonly accountName: string;
  readonly grant: ApiToken["grant"];
  readonly access: ApiToken["access"];
  /** When the token expires, epoch ms; null: never. */
  readonly expiresAt: number | null;
  /** Roles of the account, itself included. */
  readonly roles: ReadonlyMap<number, Role>;
}

/** What a call needs: to look, to run and stop things, or to administer (runners, tokens, secrets, deletion). */
export type Need = "read" | "write" | "owner";

/** `hidden`: the caller may not even know of the thing. */
export type Permission = "granted" | "refused" | "hidden";

const RANK: Readonly<Record<Need, number>> = { read: 1, write: 2, owner: 3 };

/** What a caller may do with the whole server: only administrators do anything there. */
export function serverPermission(caller: Caller, need: Need): Permission {
  if (caller.grant.kind !== "admin") return "refused";
  return need === "read" || caller.access === "write" ? "granted" : "refused";
}

/** What a caller may do with an account itself: its runners, secrets, members, list of repositories. */
export function accountPermission(caller: Caller, ownerId: number, need: Need): Permission {
  if (caller.grant.kind === "admin") return serverPermission(caller, need);
  if (caller.grant.kind !== "owner" || caller.grant.ownerId !== ownerId) return "hidden";
  return byRole(caller, ownerId, need);
}

/** What a caller may do with one repository. A token limited to one repository reaches that one only. */
export function repositoryPermission(
  caller: Caller,
  repository: { readonly ownerId: number; readonly id: number },
  need: Need,
): Permission {
  const { grant } = caller;
  if (grant.kind === "admin") return serverPermission(caller, need);
  const reaches = grant.kind === "owner" ? grant.ownerId === repository.ownerId : grant.repositoryId === repository.id;
  return reaches ? byRole(caller, repository.ownerId, need) : "hidden";
}

/** The weaker of the account's role and of the token's access counts; a token outlives a membership without its rights. */
function byRole(caller: Caller, ownerId: number, need: Need): Permission {
  const role = caller.roles.get(ownerId);
  if (role === undefined) return "hidden";
  const rank = caller.access === "read" ? RANK.read : RANK[role];
  return rank >= RANK[need] ? "granted" : "refused";
}

/**
 * Passes when the permission is granted.
 * @throws AppError not_found when the thing is hidden, as if it did not exist; forbidden when it may be known
 */
export function requirePermission(permission: Permission, thing: string, need: Need): void {
  if (permission === "hidden")
    throw new AppError("not_found", `there is no ${thing}, or this token may not know of it`);
  if (permission === "refused") {
    throw new AppError("forbidden", `this token may not ${PHRASES[need]} ${thing}; use one with more rights`);
  }
}

const PHRASES: Readonly<Record<Need, string>> = { read: "read", write: "change", owner: "administer" };
