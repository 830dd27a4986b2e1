import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { systemIds } from "../../../../src/lib/ids.ts";
import { UNREGISTERED_RUNNER } from "../../../../src/protocol/headers.ts";
import { ApiIdentity } from "../../../../src/server/services/api-identity.ts";
import { bootstrap } from "../../../../src/server/services/bootstrap.ts";
import { BoundedMap } from "../../../../src/server/services/bounded-map.ts";
import { BoundedQueue } from "../../../../src/server/services/bounded-queue.ts";
import { RateLimiter } from "../../../../src/server/services/rate-limiter.ts";
import { unregisteredRunner } from "../../../../src/server/services/runner-identity.ts";
import { SecretBox } from "../../../../src/server/services/secret-box.ts";
import { deriveServerKeys, openServerKeys } from "../../../../src/server/services/server-keys.ts";
import { TokenHasher } from "../../../../src/server/services/token-hasher.ts";
import { openSubject } from "../../../contract/runner-protocol.fixture.ts";
import { openTestStore } from "../../../support/stores.ts";
import { FakeClock } from "./fake-clock.ts";

const KEY = "k".repeat(32);

describe("server key", () => {
  it("is made by the first start, for its owner only, and found by the next", async () => {
    await using store = await openTestStore();
    const dataDir = await mkdtemp(join(tmpdir(), "keys-"));
    try {
      const first = await openServerKeys({ dataDir, store });
      expect((await stat(join(dataDir, "server.key"))).mode & 0o777).toBe(0o600);
      expect(await openServerKeys({ dataDir, store })).toEqual(first);
      await expect(openServerKeys({ dataDir, store, key: KEY })).rejects.toThrow(/another server key/);
      await rm(join(dataDir, "server.key"));
      await expect(openServerKeys({ dataDir, store })).rejects.toThrow(/missing/);
    } finally {
      await rm(dataDir, { recursive: true });
    }
  });

  it("must be long", () => {
    expect(() => deriveServerKeys("short")).toThrow(/at least 32/);
  });
});

describe("secret box", () => {
  const box = new SecretBox(deriveServerKeys(KEY).seal);

  it("opens what it sealed, for the same context only", () => {
    const sealed = box.seal("pässword", "secret:owner:1:A");
    expect(sealed).not.toBe(box.seal("pässword", "secret:owner:1:A"));
    expect(box.open(sealed, "secret:owner:1:A")).toBe("pässword");
    expect(() => box.open(sealed, "secret:owner:2:A")).toThrow(/cannot be opened/);
    expect(() => box.open("v1.AAAA", "x")).toThrow(/cannot be opened/);
    expect(() => new SecretBox(deriveServerKeys("x".repeat(32)).seal).open(sealed, "secret:owner:1:A")).toThrow();
  });
});

describe("token hasher", () => {
  const hasher = new TokenHasher(deriveServerKeys(KEY).mac);

  it("verifies by the mac, and by argon2 where there is none", async () => {
    const stored = await hasher.make("token");
    expect(stored.hash).toMatch(/^\$argon2id\$v=19\$m=19456,(t=2,p=1|p=1,t=2)\$/);
    expect(await hasher.verify("token", stored)).toEqual({ ok: true });
    expect(await hasher.verify("other", stored)).toEqual({ ok: false });
    expect(await hasher.verify("token", { ...stored, mac: "" })).toEqual({ ok: true, renewedMac: stored.mac });
    expect(await hasher.verify("other", { ...stored, mac: "" })).toEqual({ ok: false });
  });
});

describe("bounds", () => {
  it("a bounded map forgets what was not used for longest", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.get("a");
    map.set("c", 3);
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([1, undefined, 3, 2]);
  });

  it("a bounded map holds what its entries weigh", () => {
    const map = new BoundedMap<string, string>(6, (key, value) => key.length + value.length);
    map.set("a", "1");
    map.set("b", "22");
    map.set("a", "");
    map.set("c", "3");
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual(["", "22", "3", 3]);
    map.set("d", "44444");
    expect([map.get("d"), map.size]).toEqual(["44444", 1]);
    map.set("e", "555555");
    expect([map.get("e"), map.size]).toEqual([undefined, 0]);
    map.set("f", "6");
    expect([map.get("f"), map.size]).toEqual(["6", 1]);
  });

  it("a bounded queue runs some, lets some wait, and refuses the rest", async () => {
    const queue = new BoundedQueue(1, 1);
    const gate = Promise.withResolvers<string>();
    const first = queue.run(() => gate.promise);
    const second = queue.run(async () => "second");
    await expect(queue.run(async () => "third")).rejects.toThrow(/try again/);
    gate.resolve("first");
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
    expect(await queue.run(async () => "fourth")).toBe("fourth");
  });

  it("a rate limiter refills with time", () => {
    const clock = new FakeClock();
    const limiter = new RateLimiter(clock, { burst: 2, perSecond: 1 });
    expect([limiter.take("a"), limiter.take("a"), limiter.take("a"), limiter.take("b")]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    clock.advance(1_000);
    expect([limiter.take("a"), limiter.take("a")]).toEqual([true, false]);
  });
});

describe("first start", () => {
  it("makes an admin token once, and takes presets", async () => {
    await using subject = await openSubject();
    const { store, services } = subject;
    const deps = { store, clock: systemClock, ids: systemIds, ...services };
    const { adminToken } = await bootstrap(deps, {});
    const identity = new ApiIdentity({ store, hasher: services.hasher, clock: systemClock });
    const { apiToken, account } = await identity.identify(adminToken ?? "", "a");
    expect([account.name, apiToken.grant, apiToken.access]).toEqual(["admin", { kind: "admin" }, "write"]);
    expect(await bootstrap(deps, {})).toEqual({});
    await expect(bootstrap(deps, { adminToken: "short" })).rejects.toThrow(/32/);
    const presets = { adminToken: "a".repeat(40), registrationToken: "r".repeat(40) };
    expect(await bootstrap(deps, presets)).toEqual({});
    await bootstrap(deps, presets);
    expect((await identity.identify("a".repeat(40), "a")).account.name).toBe("admin");
    const actor = { accountId: null, address: null };
    expect(await services.registrationTokens.current({ kind: "global" }, actor)).toBe("r".repeat(40));
    await expect(identity.identify("nope", "a")).rejects.toThrow(/not known/);
  });
});

describe("runner identity", () => {
  it("uses the words that runners look for", () => {
    expect(unregisteredRunner().message.endsWith(UNREGISTERED_RUNNER)).toBe(true);
  });

  it("reads a runner once for many calls at the same time, and anew after a change", async () => {
    await using subject = await openSubject();
    const { store, services } = subject;
    const token = await services.registrationTokens.current({ kind: "global" }, { accountId: null, address: null });
    const about = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [] };
    const registered = await services.registerRunner.register(about, "a");
    const { uuid, id } = registered.runner;
    services.identity.forget(id);
    const find = vi.spyOn(store.read.runners, "findByUuid");
    const identify = () => services.identity.identify(uuid, registered.token, "a");
    await Promise.all([identify(), identify(), identify()]);
    await identify();
    expect(find).toHaveBeenCalledTimes(1);
    await services.editRunner.update(id, { disabled: true }, { accountId: null, address: null });
    expect((await identify()).disabled).toBe(true);
    await services.editRunner.delete(id, { accountId: null, address: null });
    await expect(identify()).rejects.toThrow(/unregistered runner$/);
    await expect(identify()).rejects.toThrow(/unregistered runner$/);
    expect(find).toHaveBeenCalledTimes(2);
  });
});

describe("presence", () => {
  it("writes many stamps in one statement, a second later", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services, store } = subject;
    const token = await services.registrationTokens.current({ kind: "global" }, { accountId: null, address: null });
    const about = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false, capabilities: [] };
    const { runner } = await services.registerRunner.register(about, "a");
    expect(services.presence.current(runner)).toMatchObject({ lastOnline: null, lastActive: null });
    for (let i = 0; i < 100; i++) services.presence.stamp(runner.id, false);
    expect(services.presence.current(runner)).toMatchObject({ lastOnline: clock.now(), lastActive: null });
    services.presence.stamp(runner.id, true);
    expect(services.presence.current(runner)).toMatchObject({ lastOnline: clock.now(), lastActive: clock.now() });
    const write = vi.spyOn(store, "write");
    clock.advance(1_000);
    await services.presence.flush();
    expect(write).toHaveBeenCalledTimes(1);
    expect(await store.read.runners.get(runner.id)).toMatchObject({ lastOnline: clock.now() - 1_000 });
  });
});
