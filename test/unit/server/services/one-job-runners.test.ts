import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { systemIds } from "../../../../src/lib/ids.ts";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import { OneJobRunners } from "../../../../src/server/services/one-job-runners.ts";
import type { ProtocolServices } from "../../../../src/server/services/protocol-services.ts";
import { openSubject, type ProtocolSubject, servicesOn } from "../../../contract/runner-protocol.fixture.ts";
import { storeKinds } from "../../../support/stores.ts";
import { FakeClock } from "./fake-clock.ts";

const ACTOR = { accountId: null, address: null };
const GLOBAL = { kind: "global" } as const;
const ANY = { labels: ["linux"], reserveMs: 0, unusedMs: 60_000 };

const maker = ({ store, services }: ProtocolSubject, clock = systemClock) =>
  new OneJobRunners({ ...{ store, clock, ids: systemIds, emptyRunsOnMatches: true }, ...services });

/** What a call for a task brings at once. */
const fetchNow = async ({ assignTask, identity }: ProtocolServices, uuid: string, token: string) => {
  const runner = await identity.identify(uuid, token, "a");
  const call = { timeoutMs: undefined, waitMs: 0, requestKey: null, signal: new AbortController().signal };
  return (await assignTask.fetch(runner, call)).payload;
};

describe.each(storeKinds.filter(({ skip }) => skip === undefined))("an ephemeral runner on $name", (kind) => {
  it("that asks two servers at once gets one task", async () => {
    await using subject = await openSubject({ kind });
    await using other = servicesOn(subject.store, systemClock);
    const jobs = await subject.addJobs(6);
    await other.dispatcher.reconcile();
    for (let round = 0; round < 3; round++) {
      const { runner, token } = await maker(subject).create(GLOBAL, ANY, ACTOR);
      const asked = [subject.services, other].map((server) => fetchNow(server, runner.uuid, token));
      const got = (await Promise.all(asked)).filter((payload) => payload !== undefined);
      expect(got).toHaveLength(1);
    }
    const claimed = await Promise.all(jobs.map(({ id }) => subject.store.read.jobs.get(id)));
    expect(claimed.filter((job) => job?.status === "running")).toHaveLength(3);
  });
});

describe("credentials for one job", () => {
  it("end when they are not used in time, and only then", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { identity, presence } = subject.services;

    const first = await maker(subject, clock).create(GLOBAL, ANY, ACTOR);
    const second = await maker(subject, clock).create(GLOBAL, ANY, ACTOR);
    const call = async ({ runner, token }: Awaited<typeof first>) => {
      presence.stamp((await identity.identify(runner.uuid, token, "a")).id, false);
    };
    await call(second);
    await presence.flush();
    clock.advance(60_000);
    await expect(call(first)).rejects.toThrow(/unregistered runner$/);
    identity.forget(second.runner.id);
    await call(second);
  });

  it("of a job leave it to others when the time is over; nobody else had it before", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services } = subject;
    const [job] = await subject.addJobs(1);
    const wish = { jobId: job?.id ?? 0, reserveMs: 30_000, unusedMs: 60_000 };
    const bound = await maker(subject, clock).create(GLOBAL, wish, ACTOR);
    const any = await maker(subject, clock).create(GLOBAL, ANY, ACTOR);
    expect(await fetchNow(services, any.runner.uuid, any.token)).toBeUndefined();
    // Another server that starts now knows of it from the database.
    await using other = servicesOn(subject.store, clock);
    await other.start();
    expect(await fetchNow(other, any.runner.uuid, any.token)).toBeUndefined();
    expect(await fetchNow(other, bound.runner.uuid, bound.token)).toBeDefined();
    const [next] = await subject.addJobs(1);
    await maker(subject, clock).create(GLOBAL, { ...wish, jobId: next?.id ?? 0 }, ACTOR);
    expect(await fetchNow(services, any.runner.uuid, any.token)).toBeUndefined();
    clock.advance(30_000);
    expect(await fetchNow(services, any.runner.uuid, any.token)).toBeDefined();
  });

  it("may finish their reports after the end, also on a server that was started since", async () => {
    const clock = new FakeClock();
    await using subject = await openSubject({ clock });
    const { services } = subject;
    await subject.addJobs(1);
    const { runner, token } = await maker(subject, clock).create(GLOBAL, ANY, ACTOR);
    const payload = await fetchNow(services, runner.uuid, token);
    const taskId = payload?.id ?? 0;
    await services.updateTask.report(runner.id, { taskId, result: "success", steps: [], outputs: {} });
    await using restarted = servicesOn(subject.store, clock);
    await restarted.start();
    const departed = await restarted.identity.identify(runner.uuid, token, "a");
    expect(departed.deletedAt).toBe(clock.now());
    const rows = packRows([{ time: clock.now(), content: "the last words" }]);
    const batch = { taskId, index: 0, rows, noMore: true };
    expect(await restarted.appendLog.append(departed.id, batch)).toBe(1);
    await expect(restarted.identity.identify(runner.uuid, "wrong", "a")).rejects.toThrow(/unregistered runner$/);
    clock.advance(60_000);
    await expect(restarted.identity.identify(runner.uuid, token, "a")).rejects.toThrow(/unregistered runner$/);
  });
});
