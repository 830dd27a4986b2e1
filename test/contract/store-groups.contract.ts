import { afterAll, beforeEach, expect, test } from "vitest";
import { joinGroup, nextInGroup } from "../../src/server/domain/concurrency-group.ts";
import type { Store } from "../../src/server/storage/store.ts";
import type { StoreKind } from "../support/stores.ts";
import { newRun, seed } from "./store-fixture.ts";

/** What every store promises about concurrency groups. */
export function storeGroupsContract(kind: StoreKind): void {
  const resources = new AsyncDisposableStack();
  let store: Store;

  beforeEach(async () => {
    const place = resources.use(await kind.create());
    store = resources.use(await place.open());
  });
  afterAll(() => resources.disposeAsync());

  const member = (repositoryId: number, runId: number, jobId: number | null = null) => ({
    ...{ repositoryId, groupName: "PROD", runId, jobId, keepsQueue: false },
    ...{ state: "pending" as const, holds: false, due: false },
  });

  test("members keep all fields, are listed by run, group and what is due, and go with their run or job", async () => {
    const { repository, run, job } = await seed(store);
    const other = await store.write((tx) => tx.runs.insert(newRun(repository, {}), "x"));
    const [whole, one, later] = await store.write(async (tx) => {
      await tx.groups.lock(repository.id);
      return [
        await tx.groups.insert(member(repository.id, run.id)),
        await tx.groups.insert({ ...member(repository.id, run.id, job.id), groupName: "é ${{", keepsQueue: true }),
        await tx.groups.insert(member(repository.id, other.id)),
      ];
    });
    await store.write((tx) => tx.groups.update(later?.id ?? 0, { state: "active", holds: true, due: true }));
    const active = { ...later, state: "active", holds: true, due: true };
    expect(await store.read.groups.ofRun(run.id)).toEqual([whole, one]);
    expect(await store.write((tx) => tx.groups.members(repository.id, "PROD"))).toEqual([whole, active]);
    expect(await store.read.groups.due()).toEqual([active]);
    expect(await store.read.groups.due(repository.id)).toEqual([active]);
    expect(await store.read.groups.due(repository.id + 1)).toEqual([]);
    await store.write((tx) => tx.jobs.delete(job.id));
    expect(await store.read.groups.ofRun(run.id)).toEqual([whole]);
    await store.write((tx) => tx.groups.delete(whole?.id ?? 0));
    expect(await store.read.groups.ofRun(run.id)).toEqual([]);
    await store.write((tx) => tx.runs.delete(other.id));
    expect(await store.read.groups.due()).toEqual([]);
  });

  test("whoever has the lock of the groups sees what those before it decided: one of many is active", async () => {
    const { repository } = await seed(store);
    const runs = await store.write(async (tx) => {
      const made = [];
      for (let count = 0; count < 8; count++) made.push(await tx.runs.insert(newRun(repository, {}), "x"));
      return made;
    });
    const wanted = { cancelInProgress: false, keepsQueue: true };
    await Promise.all(
      runs.map(({ id }) =>
        store.write(async (tx) => {
          // A read before the lock must not decide what is seen after it.
          await tx.groups.members(repository.id, "PROD");
          await tx.groups.lock(repository.id);
          const { state } = joinGroup(await tx.groups.members(repository.id, "PROD"), wanted);
          const more = { state, holds: state === "active", keepsQueue: true };
          await tx.groups.insert({ ...member(repository.id, id), ...more });
        }),
      ),
    );
    const members = await store.write((tx) => tx.groups.members(repository.id, "PROD"));
    expect(members.map(({ state }) => state)).toEqual(["active", ...Array.from({ length: 7 }, () => "pending")]);
    expect(nextInGroup(members)).toBeUndefined();
    expect(nextInGroup(members.slice(1))).toEqual(members[1]);
  });
}
