import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import type { ProtocolServices } from "../../../../src/server/services/protocol-services.ts";
import type { TokenOffer } from "../../../../src/server/services/runner-tokens.ts";
import { openSubject, type ProtocolSubject, servicesOn } from "../../../contract/runner-protocol.fixture.ts";
import { storeKinds } from "../../../support/stores.ts";
import { FakeClock } from "./fake-clock.ts";

const ACTOR = { accountId: null, address: "10.0.0.1" };
const HOUR = 60 * 60_000;

async function makeRunner({ services }: ProtocolSubject, more: { capabilities?: string[]; ephemeral?: boolean } = {}) {
  const token = await services.registrationTokens.current({ kind: "global" }, ACTOR);
  const request = { name: "r", token, version: "1", labels: ["linux"], ephemeral: false };
  const capabilities = ["cancelling", "token-rotation"];
  return await services.registerRunner.register({ ...request, capabilities, ...more }, "a");
}

const identify = (services: ProtocolServices, uuid: string, token: string) =>
  services.identity.identify(uuid, token, "a");
const REFUSED = /unregistered runner$/;

describe.each(storeKinds.filter(({ skip }) => skip === undefined))("tokens of runners on $name", (kind) => {
  it("both work until the new one is used; then the old one is refused, on every server", async () => {
    await using subject = await openSubject({ kind });
    const { services, store } = subject;
    const { runner, token } = await makeRunner(subject);
    await using other = servicesOn(store, systemClock);
    // Both servers remember the runner from before.
    for (const server of [services, other]) await identify(server, runner.uuid, token);
    const offer = await services.runnerTokens.rotate(runner.id, ACTOR);
    expect(offer.token).not.toBe(token);
    expect((await identify(services, runner.uuid, token)).oldTokenUntil).toBe(offer.oldUntil);
    expect((await identify(other, runner.uuid, offer.token)).oldTokenUntil).toBeNull();
    services.identity.forget(runner.id);
    for (const server of [services, other]) {
      await expect(identify(server, runner.uuid, token)).rejects.toThrow(REFUSED);
      await identify(server, runner.uuid, offer.token);
    }
    const actions = (await store.read.audit.list({ page: 1, limit: 2 })).items.map(({ action }) => action);
    expect(actions).toEqual(["runner.token_confirm", "runner.token_rotate"]);
  });
});

describe("tokens of runners", () => {
  it("nothing at rest is a token, and what is kept of the new one goes with its confirmation", async () => {
    await using subject = await openSubject();
    const { services, store } = subject;
    const { runner } = await makeRunner(subject);
    const offer = await services.runnerTokens.rotate(runner.id, ACTOR);
    const rows = [await store.read.runners.findByUuid(runner.uuid), await store.read.runners.sealedToken(runner.id)];
    expect(JSON.stringify([rows, await store.read.audit.list({ page: 1, limit: 9 })])).not.toContain(offer.token);
    await identify(services, runner.uuid, offer.token);
    expect(await store.read.runners.sealedToken(runner.id)).toBeUndefined();
  });

  it("a rotation in the middle of one gives the same token; the overlap is the newer one where it is named", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services } = subject;
    const { runner, token } = await makeRunner(subject);
    const first = await services.runnerTokens.rotate(runner.id, ACTOR);
    clock.advance(HOUR);
    expect(await services.runnerTokens.rotate(runner.id, ACTOR)).toEqual(first);
    const again = await services.runnerTokens.rotate(runner.id, ACTOR, { overlapMs: 0 });
    expect(again).toEqual({ token: first.token, oldUntil: clock.now() });
    await expect(identify(services, runner.uuid, token)).rejects.toThrow(REFUSED);
    await identify(services, runner.uuid, first.token);
  });

  it("at the end of the overlap the old one dies, whether the new one was used or not", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services } = subject;
    const { runner, token } = await makeRunner(subject);
    const offer = await services.runnerTokens.rotate(runner.id, ACTOR, { overlapMs: HOUR });
    await identify(services, runner.uuid, token);
    clock.advance(HOUR - 1);
    await identify(services, runner.uuid, token);
    clock.advance(1);
    await expect(identify(services, runner.uuid, token)).rejects.toThrow(REFUSED);
    await identify(services, runner.uuid, offer.token);
  });

  it("a database that is away while a new token is used refuses nobody", async () => {
    let away = false;
    await using subject = await openSubject({
      wrapStore: (store) =>
        new Proxy(store, {
          get(target, key) {
            const value = Reflect.get(target, key, target);
            if (key !== "write") return typeof value === "function" ? value.bind(target) : value;
            return (work: never) => (away ? Promise.reject(new Error("gone")) : target.write(work));
          },
        }),
    });
    const { services } = subject;
    const { runner, token } = await makeRunner(subject);
    const offer = await services.runnerTokens.rotate(runner.id, ACTOR);
    away = true;
    await expect(identify(services, runner.uuid, offer.token)).rejects.not.toThrow(REFUSED);
    await identify(services, runner.uuid, token);
    away = false;
    await identify(services, runner.uuid, offer.token);
    await expect(identify(services, runner.uuid, token)).rejects.toThrow(REFUSED);
  });

  it("by age those are renewed that take tokens by themselves, once", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock, tokens: { lifetimeMs: 10 * HOUR, overlapMs: HOUR } });
    const { services, store } = subject;
    const ours = await makeRunner(subject);
    const stock = await makeRunner(subject, { capabilities: ["cancelling"] });
    const once = await makeRunner(subject, { ephemeral: true });
    const offers = async () => {
      const told: (TokenOffer | undefined)[] = [];
      for (const { runner } of [ours, stock, once]) {
        told.push(await services.runnerTokens.offerTo((await store.read.runners.get(runner.id)) ?? runner));
      }
      return told;
    };
    clock.advance(8 * HOUR);
    expect(await offers()).toEqual([undefined, undefined, undefined]);
    clock.advance(2 * HOUR);
    const [offer, ...none] = await offers();
    expect(none).toEqual([undefined, undefined]);
    expect(offer?.oldUntil).toBe(clock.now() + HOUR);
    expect((await offers())[0]).toEqual(offer);
    await identify(services, ours.runner.uuid, offer?.token ?? "");
    expect(await offers()).toEqual([undefined, undefined, undefined]);
    // A stock runner's token is renewed when somebody asks for it, and told to nobody else.
    await services.runnerTokens.rotate(stock.runner.id, ACTOR);
    expect((await offers())[1]).toBeUndefined();
  });
});
