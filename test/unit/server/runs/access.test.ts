import { describe, expect, it } from "vitest";
import type { Role } from "../../../../src/server/domain/account.ts";
import {
  accountPermission,
  type Caller,
  type Need,
  type Permission,
  repositoryPermission,
  requirePermission,
  serverPermission,
} from "../../../../src/server/services/access.ts";

const ME = 1;
const ORG = 2;
const OTHER = 3;

function caller(grant: Caller["grant"], access: Caller["access"], role?: Role): Caller {
  const roles = new Map<number, Role>([[ME, "owner"]]);
  if (role !== undefined) roles.set(ORG, role);
  return { accountId: ME, accountName: "me", grant, access, expiresAt: null, roles };
}

const needs: readonly Need[] = ["read", "write", "owner"];
const owned = { kind: "owner", ownerId: ORG } as const;
const one = { kind: "repository", ownerId: ORG, repositoryId: 7 } as const;

describe("on an account and its repositories", () => {
  it.each<[string, Caller, Permission[]]>([
    ["an administrator", caller({ kind: "admin" }, "write"), ["granted", "granted", "granted"]],
    ["an administrator who may only read", caller({ kind: "admin" }, "read"), ["granted", "refused", "refused"]],
    ["an owner", caller(owned, "write", "owner"), ["granted", "granted", "granted"]],
    ["an owner who may only read", caller(owned, "read", "owner"), ["granted", "refused", "refused"]],
    ["a writer", caller(owned, "write", "write"), ["granted", "granted", "refused"]],
    ["a reader", caller(owned, "write", "read"), ["granted", "refused", "refused"]],
    ["one who has left", caller(owned, "write"), ["hidden", "hidden", "hidden"]],
    [
      "a token for another owner",
      caller({ kind: "owner", ownerId: OTHER }, "write", "owner"),
      ["hidden", "hidden", "hidden"],
    ],
  ])("%s", (_name, who, expected) => {
    expect(needs.map((need) => accountPermission(who, ORG, need))).toEqual(expected);
    expect(needs.map((need) => repositoryPermission(who, { id: 7, ownerId: ORG }, need))).toEqual(expected);
  });

  it("a token for one repository reaches that one only", () => {
    const who = caller(one, "write", "owner");
    expect(repositoryPermission(who, { id: 7, ownerId: ORG }, "owner")).toBe("granted");
    expect(repositoryPermission(who, { id: 8, ownerId: ORG }, "read")).toBe("hidden");
    expect(accountPermission(who, ORG, "read")).toBe("hidden");
  });
});

describe("on the server", () => {
  it("only administrators do anything", () => {
    expect(serverPermission(caller({ kind: "admin" }, "write"), "owner")).toBe("granted");
    expect(serverPermission(caller({ kind: "admin" }, "read"), "write")).toBe("refused");
    expect(serverPermission(caller(owned, "write", "owner"), "read")).toBe("refused");
  });
});

describe("requirePermission", () => {
  it("hides behind not_found what may not be known", () => {
    expect(() => requirePermission("hidden", "repository a/b", "read")).toThrow(
      expect.objectContaining({ code: "not_found" }),
    );
    expect(() => requirePermission("refused", "repository a/b", "write")).toThrow(
      expect.objectContaining({ code: "forbidden" }),
    );
    expect(() => requirePermission("granted", "repository a/b", "write")).not.toThrow();
  });
});
