import { afterAll, beforeEach, expect, test } from "vitest";
import { GLOBAL_SCOPE, type Scope } from "../../src/server/domain/scope.ts";
import type { Store } from "../../src/server/storage/store.ts";
import type { StoreKind } from "../support/stores.ts";
import { ALL, must, newRepository, newRunner, seed } from "./store-fixture.ts";

const MACHINE = {
  ...{ os: "linux", arch: "amd64", osVersion: "6.1", gitVersion: "2.50", nodeVersion: "24.1.0", dockerVersion: "" },
  ...{ podmanVersion: "", cores: 4, memoryBytes: 8_000_000_000, diskBytes: 100_000_000_000 },
};

/** What every store does with accounts, tokens, runners, settings and the other small tables. */
export function storeAccountsContract(kind: StoreKind): void {
  const resources = new AsyncDisposableStack();
  let store: Store;

  beforeEach(async () => {
    const place = resources.use(await kind.create());
    store = resources.use(await place.open());
  });
  afterAll(() => resources.disposeAsync());

  test("says its kind and answers a ping", async () => {
    expect(store.kind).toBe(kind.name === "sqlite" ? "sqlite" : "mysql");
    await store.ping();
  });

  test("accounts are found without case and are unique", async () => {
    const alice = await store.write((tx) => tx.accounts.insert({ name: "Alice", kind: "user", createdAt: 1 }));
    expect(await store.read.accounts.get(alice.id)).toEqual(alice);
    expect(await store.read.accounts.findByName("aLICE")).toEqual(alice);
    expect(await store.read.accounts.findByName("bob")).toBeUndefined();
    await expect(
      store.write((tx) => tx.accounts.insert({ name: "alice", kind: "org", createdAt: 1 })),
    ).rejects.toMatchObject({ code: "conflict" });
  });

  test("roles are set, replaced and removed; everyone owns itself", async () => {
    const [alice, acme] = await store.write(async (tx) => [
      await tx.accounts.insert({ name: "alice", kind: "user", createdAt: 1 }),
      await tx.accounts.insert({ name: "acme", kind: "org", createdAt: 1 }),
    ]);
    expect(await store.read.accounts.role(must(alice).id, must(alice).id)).toBe("owner");
    expect(await store.read.accounts.role(must(alice).id, must(acme).id)).toBeUndefined();
    await store.write((tx) => tx.accounts.setRole(must(alice).id, must(acme).id, "read"));
    await store.write((tx) => tx.accounts.setRole(must(alice).id, must(acme).id, "write"));
    expect(await store.read.accounts.role(must(alice).id, must(acme).id)).toBe("write");
    expect(await store.read.accounts.rolesOf(must(alice).id)).toEqual([
      { accountId: must(alice).id, role: "owner" },
      { accountId: must(acme).id, role: "write" },
    ]);
    expect(await store.read.accounts.members(must(acme).id)).toEqual([{ userId: must(alice).id, role: "write" }]);
    await store.write((tx) => tx.accounts.setRole(must(alice).id, must(acme).id, null));
    expect(await store.read.accounts.role(must(alice).id, must(acme).id)).toBeUndefined();
  });

  test("lists are newest first with a total", async () => {
    await store.write(async (tx) => {
      for (const name of ["a", "b", "c", "d", "e"]) await tx.accounts.insert({ name, kind: "user", createdAt: 1 });
    });
    const page = await store.read.accounts.list({ page: 2, limit: 2 });
    expect(page.items.map((account) => account.name)).toEqual(["c", "b"]);
    expect(page.total).toBe(5);
    const beyond = await store.read.accounts.list({ page: 9, limit: 2 });
    expect(beyond).toEqual({ items: [], total: 5 });
  });

  test("repositories keep their credential apart", async () => {
    const { account, repository } = await seed(store);
    expect(repository).toMatchObject({ ownerName: "Alice", name: "Site", ownerId: account.id });
    expect(await store.read.repositories.find("ALICE", "site")).toEqual(repository);
    expect(await store.read.repositories.find("alice", "nope")).toBeUndefined();
    expect(await store.read.repositories.get(repository.id)).toEqual(repository);
    expect(await store.read.repositories.credential(repository.id)).toBe("sealed");
    await store.write((tx) =>
      tx.repositories.update(repository.id, { defaultBranch: "trunk", sealedCredential: null }),
    );
    expect(await store.read.repositories.get(repository.id)).toMatchObject({ defaultBranch: "trunk" });
    expect(await store.read.repositories.credential(repository.id)).toBeNull();
    await expect(
      store.write((tx) => tx.repositories.insert(newRepository(account.id, "SITE"), null)),
    ).rejects.toMatchObject({ code: "conflict" });
    expect((await store.read.repositories.list({ ownerIds: [] }, ALL)).total).toBe(0);
    expect((await store.read.repositories.list({ ownerIds: [account.id] }, ALL)).items).toHaveLength(1);
    expect((await store.read.repositories.list({ repositoryId: repository.id + 1 }, ALL)).total).toBe(0);
    expect((await store.read.repositories.list({}, ALL)).total).toBe(1);
  });

  test("API tokens keep their grant", async () => {
    const { account, repository } = await seed(store);
    const grants = [
      { kind: "admin" },
      { kind: "owner", ownerId: account.id },
      { kind: "repository", ownerId: account.id, repositoryId: repository.id },
    ] as const;
    for (const [i, grant] of grants.entries()) {
      const token = await store.write((tx) =>
        tx.apiTokens.insert(
          { accountId: account.id, name: "ci", grant, access: "read", expiresAt: i === 0 ? null : 99, createdAt: 1 },
          { hash: "h", mac: `mac-${i}` },
        ),
      );
      expect(await store.read.apiTokens.get(token.id)).toEqual(token);
      expect(await store.read.apiTokens.findByMac(`mac-${i}`)).toEqual(token);
    }
    const listed = await store.read.apiTokens.list(account.id, ALL);
    expect(listed.total).toBe(3);
    expect((await store.read.apiTokens.list(undefined, ALL)).total).toBe(3);
    expect((await store.read.apiTokens.list(account.id + 1, ALL)).total).toBe(0);
    await store.write((tx) => tx.apiTokens.delete(must(listed.items[0]).id));
    expect(await store.read.apiTokens.get(must(listed.items[0]).id)).toBeUndefined();
    await expect(
      store.write((tx) =>
        tx.apiTokens.insert(
          { accountId: account.id, name: "x", grant: grants[0], access: "write", expiresAt: null, createdAt: 1 },
          { hash: "h", mac: "mac-0" },
        ),
      ),
    ).rejects.toMatchObject({ code: "conflict" });
  });

  test("registration tokens: one current per scope, uses are counted, expiry and deactivation refuse", async () => {
    const owner: Scope = { kind: "owner", ownerId: 5 };
    const token = (scope: Scope, more = {}) => ({
      scope,
      active: true,
      current: true,
      sealed: "s",
      expiresAt: null,
      usesLeft: null,
      cidrs: ["10.0.0.0/8"],
      createdAt: 1,
      ...more,
    });
    const first = await store.write((tx) => tx.registrationTokens.insert(token(GLOBAL_SCOPE), "r1"));
    const second = await store.write((tx) => tx.registrationTokens.insert(token(GLOBAL_SCOPE), "r2"));
    const other = await store.write((tx) => tx.registrationTokens.insert(token(owner), "r3"));
    expect(await store.read.registrationTokens.current(GLOBAL_SCOPE)).toEqual(second);
    expect(await store.read.registrationTokens.current(owner)).toEqual(other);
    expect(await store.read.registrationTokens.findByMac("r1")).toEqual({ ...first, current: false });
    await store.write((tx) => tx.registrationTokens.deactivate(GLOBAL_SCOPE));
    expect(await store.read.registrationTokens.current(GLOBAL_SCOPE)).toBeUndefined();
    expect(await store.write((tx) => tx.registrationTokens.consume(first.id, 5))).toBe(false);
    expect(await store.write((tx) => tx.registrationTokens.consume(other.id, 5))).toBe(true);
    const limited = await store.write((tx) =>
      tx.registrationTokens.insert(token(owner, { usesLeft: 2, expiresAt: 100, current: false }), "r4"),
    );
    expect(await store.read.registrationTokens.current(owner)).toEqual(other);
    expect(await store.write((tx) => tx.registrationTokens.consume(limited.id, 100))).toBe(false);
    const uses = await Promise.all(
      [1, 2, 3].map(() => store.write((tx) => tx.registrationTokens.consume(limited.id, 50))),
    );
    expect(uses.filter(Boolean)).toHaveLength(2);
  });

  test("runners: found by uuid with their verifier, changed, deleted softly", async () => {
    const runner = await store.write((tx) => tx.runners.insert(newRunner("u-1"), { hash: "h", mac: "" }));
    await store.write((tx) => tx.runners.insert(newRunner("u-2"), { hash: "h", mac: "" }));
    expect(await store.read.runners.findByUuid("u-1")).toEqual({
      runner,
      verifier: { hash: "h", mac: "" },
      next: null,
    });
    expect(await store.read.runners.findByUuid("U-1")).toBeUndefined();
    const patch = { declaredLabels: ["x"], disabled: true, health: "disk full", capabilities: [], priority: 7 };
    expect(await store.write((tx) => tx.runners.update(runner.id, patch))).toBe(true);
    expect(await store.write((tx) => tx.runners.update(runner.id, patch))).toBe(true);
    expect(await store.read.runners.get(runner.id)).toEqual({ ...runner, ...patch, labels: ["x"] });
    const machine = { system: MACHINE, labelOverlay: ["edited"] };
    expect(await store.write((tx) => tx.runners.update(runner.id, machine))).toBe(true);
    expect(await store.read.runners.get(runner.id)).toMatchObject({ ...machine, labels: ["edited"] });
    await store.write((tx) => tx.runners.update(runner.id, { declaredLabels: ["y"] }));
    expect((await store.read.runners.get(runner.id))?.labels).toEqual(["edited"]);
    await store.write((tx) => tx.runners.update(runner.id, { labelOverlay: null }));
    expect((await store.read.runners.get(runner.id))?.labels).toEqual(["y"]);
    await store.write((tx) => tx.runners.setVerifier(runner.id, { hash: "h2", mac: "m2" }));
    expect((await store.read.runners.findByUuid("u-1"))?.verifier).toEqual({ hash: "h2", mac: "m2" });
    expect(await store.write((tx) => tx.runners.delete(runner.id, 50))).toBe(true);
    expect(await store.write((tx) => tx.runners.delete(runner.id, 51))).toBe(false);
    expect(await store.write((tx) => tx.runners.update(runner.id, { name: "x" }))).toBe(false);
    expect(await store.read.runners.get(runner.id)).toBeUndefined();
    expect(await store.read.runners.findByUuid("u-1")).toBeUndefined();
    expect((await store.read.runners.list({}, ALL)).total).toBe(1);
    await expect(
      store.write((tx) => tx.runners.insert(newRunner("u-2"), { hash: "h", mac: "" })),
    ).rejects.toMatchObject({ code: "conflict" });
  });

  test("runners are listed by exact scope and by what lies within", async () => {
    const owner: Scope = { kind: "owner", ownerId: 1 };
    const repository: Scope = { kind: "repository", ownerId: 1, repositoryId: 7 };
    await store.write(async (tx) => {
      for (const [i, scope] of [GLOBAL_SCOPE, owner, repository, { ...owner, ownerId: 2 }].entries()) {
        await tx.runners.insert(newRunner(`u-${i}`, { scope, disabled: i === 1 }), { hash: "h", mac: "" });
      }
    });
    const uuids = async (filter: object) =>
      (await store.read.runners.list(filter, ALL)).items.map((runner) => runner.uuid);
    expect(await uuids({ scope: GLOBAL_SCOPE })).toEqual(["u-0"]);
    expect(await uuids({ scope: owner })).toEqual(["u-1"]);
    expect(await uuids({ scope: repository })).toEqual(["u-2"]);
    expect(await uuids({ within: owner })).toEqual(["u-2", "u-1"]);
    expect(await uuids({ within: repository })).toEqual(["u-2"]);
    expect(await uuids({ within: GLOBAL_SCOPE })).toHaveLength(4);
    expect(await uuids({ disabled: true })).toEqual(["u-1"]);
    expect(await uuids({ disabled: false, within: owner })).toEqual(["u-2"]);
  });

  test("runners' times only move forward", async () => {
    const ids = await store.write(async (tx) => {
      const made = [];
      for (const i of [0, 1]) made.push((await tx.runners.insert(newRunner(`u-${i}`), { hash: "h", mac: "" })).id);
      return made;
    });
    const [a, b] = [must(ids[0]), must(ids[1])];
    await store.write((tx) => tx.runners.touch([]));
    await store.write((tx) =>
      tx.runners.touch([
        { id: a, lastOnline: 100, lastActive: null },
        { id: b, lastOnline: 1_900_000_000_123, lastActive: 50 },
        { id: a, lastOnline: 90, lastActive: null },
      ]),
    );
    expect(await store.read.runners.get(a)).toMatchObject({ lastOnline: 100, lastActive: null });
    await store.write((tx) =>
      tx.runners.touch([
        { id: a, lastOnline: 99, lastActive: 70 },
        { id: b, lastOnline: 5, lastActive: 40 },
      ]),
    );
    expect(await store.read.runners.get(a)).toMatchObject({ lastOnline: 100, lastActive: 70 });
    expect(await store.read.runners.get(b)).toMatchObject({ lastOnline: 1_900_000_000_123, lastActive: 50 });
  });

  test("many runners are touched at once", async () => {
    const ids = await store.write(async (tx) => {
      const made = [];
      for (let i = 0; i < 1100; i++) {
        made.push((await tx.runners.insert(newRunner(`u-${i}`), { hash: "h", mac: "" })).id);
      }
      return made;
    });
    await store.write((tx) => tx.runners.touch(ids.map((id) => ({ id, lastOnline: id + 1, lastActive: id }))));
    const { items } = await store.read.runners.list({}, { page: 1, limit: 2000 });
    expect(items.every((runner) => runner.lastOnline === runner.id + 1 && runner.lastActive === runner.id)).toBe(true);
  });

  test("the tasks version counts per scope", async () => {
    const repository = { ownerId: 4, repositoryId: 9 };
    expect(await store.read.tasksVersions.get(GLOBAL_SCOPE)).toBe(0);
    await store.write((tx) => tx.tasksVersions.bump(repository));
    await store.write((tx) => tx.tasksVersions.bump({ ...repository, repositoryId: 10 }));
    expect(await store.read.tasksVersions.get(GLOBAL_SCOPE)).toBe(2);
    expect(await store.read.tasksVersions.get({ kind: "owner", ownerId: 4 })).toBe(2);
    expect(await store.read.tasksVersions.get({ kind: "repository", ...repository })).toBe(1);
    expect(await store.read.tasksVersions.get({ kind: "owner", ownerId: 9 })).toBe(0);
  });

  test("settings: new, replaced, apart by kind and scope, deleted", async () => {
    const owner: Scope = { kind: "owner", ownerId: 1 };
    const setting = (name: string, value: string) => ({ name, value, description: "d", createdAt: 3 });
    expect(await store.write((tx) => tx.settings.put("secret", owner, setting("TOKEN", "1")))).toBe(true);
    expect(await store.write((tx) => tx.settings.put("secret", owner, setting("TOKEN", "2")))).toBe(false);
    expect(await store.write((tx) => tx.settings.put("secret", owner, setting("TOKEN", "2")))).toBe(false);
    expect(await store.write((tx) => tx.settings.put("variable", owner, setting("TOKEN", "3")))).toBe(true);
    expect(await store.write((tx) => tx.settings.put("secret", GLOBAL_SCOPE, setting("TOKEN", "4")))).toBe(true);
    expect(await store.read.settings.list("secret", owner)).toEqual([setting("TOKEN", "2")]);
    expect(await store.read.settings.list("secret", GLOBAL_SCOPE)).toEqual([setting("TOKEN", "4")]);
    expect(await store.write((tx) => tx.settings.delete("secret", owner, "TOKEN"))).toBe(true);
    expect(await store.write((tx) => tx.settings.delete("secret", owner, "TOKEN"))).toBe(false);
    expect(await store.read.settings.list("variable", owner)).toHaveLength(1);
  });

  test("audit rows are listed newest first", async () => {
    const row = (at: number) => ({
      at,
      actorId: null,
      action: "x.y",
      target: "runner:1",
      address: "::1",
      detail: { at },
    });
    await store.write((tx) => tx.audit.append(row(1)));
    await store.write((tx) => tx.audit.append({ ...row(2), actorId: 8, address: null }));
    expect(await store.read.audit.list(ALL)).toEqual({
      items: [{ ...row(2), actorId: 8, address: null }, row(1)],
      total: 2,
    });
  });

  test("of a meta value the first wins", async () => {
    expect(await store.read.meta.get("key")).toBeUndefined();
    expect(await store.write((tx) => tx.meta.putIfAbsent("key", "one"))).toBe("one");
    expect(await store.write((tx) => tx.meta.putIfAbsent("key", "two"))).toBe("one");
    expect(await store.write((tx) => tx.meta.putIfAbsent("KEY", "two"))).toBe("two");
    expect(await store.read.meta.get("key")).toBe("one");
  });
}
