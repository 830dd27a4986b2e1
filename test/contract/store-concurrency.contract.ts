import { afterAll, beforeEach, expect, test } from "vitest";
import { packRows } from "../../src/server/domain/log-rows-builder.ts";
import type { Store } from "../../src/server/storage/store.ts";
import type { StoreKind, StorePlace } from "../support/stores.ts";
import { ALL, newRun, newRunner, newTask, seed } from "./store-fixture.ts";

/** What every store promises about transactions. */
export function storeConcurrencyContract(kind: StoreKind): void {
  const resources = new AsyncDisposableStack();
  let place: StorePlace;
  let store: Store;

  beforeEach(async () => {
    place = resources.use(await kind.create());
    store = resources.use(await place.open());
  });
  afterAll(() => resources.disposeAsync());

  test("of 100 parallel writes only those that throw are lost", async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, i) =>
        store.write(async (tx) => {
          await tx.meta.putIfAbsent(`a-${i}`, "x");
          if (i % 3 === 0) throw new Error(`no ${i}`);
          await tx.meta.putIfAbsent(`b-${i}`, "y");
          return i;
        }),
      ),
    );
    for (const [i, result] of results.entries()) {
      expect(result.status).toBe(i % 3 === 0 ? "rejected" : "fulfilled");
      expect(await store.read.meta.get(`a-${i}`)).toBe(i % 3 === 0 ? undefined : "x");
      expect(await store.read.meta.get(`b-${i}`)).toBe(i % 3 === 0 ? undefined : "y");
    }
  });

  test("an error in the database loses only its own transaction", async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        store.write(async (tx) => {
          await tx.meta.putIfAbsent(`k-${i}`, "x");
          await tx.runners.insert(newRunner(i % 2 === 0 ? "same" : `u-${i}`), { hash: "", mac: "" });
        }),
      ),
    );
    expect(results.filter((result) => result.status === "rejected")).toHaveLength(9);
    expect((await store.read.runners.list({}, ALL)).total).toBe(11);
    const stored = await Promise.all(results.map((_, i) => store.read.meta.get(`k-${i}`)));
    expect(stored.filter((value) => value === "x")).toHaveLength(11);
  });

  test("a transaction sees its own rows, the read side only committed ones", async () => {
    let seen: string | undefined = "unset";
    const gate = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const writing = store.write(async (tx) => {
      await tx.meta.putIfAbsent("k", "v");
      seen = await tx.meta.get("k");
      inside.resolve();
      await gate.promise;
    });
    await inside.promise;
    expect(seen).toBe("v");
    expect(await store.read.meta.get("k")).toBeUndefined();
    gate.resolve();
    await writing;
    expect(await store.read.meta.get("k")).toBe("v");
  });

  test("a write or a read of the store inside a write is refused", async () => {
    await expect(store.write(() => store.write(async () => 1))).rejects.toMatchObject({ code: "internal" });
    await expect(store.write(() => store.read.meta.get("k"))).rejects.toMatchObject({ code: "internal" });
    expect(await store.read.meta.get("k")).toBeUndefined();
  });

  test("a call that was not awaited cannot slip past the end of its transaction", async () => {
    const late: Promise<unknown>[] = [];
    await expect(
      store.write(async (tx) => {
        late.push(Promise.allSettled([tx.meta.putIfAbsent("late", "v")]));
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    let leaked: Promise<string> | undefined;
    await store.write(async (tx) => {
      setImmediate(() => {
        leaked = tx.meta.putIfAbsent("later", "v");
        late.push(Promise.allSettled([leaked]));
      });
    });
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all(late);
    expect(await store.read.meta.get("late")).toBeUndefined();
  });

  test("of two claims of one job one wins", async () => {
    const { job, runner } = await seed(store);
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        store.write(async (tx) => {
          if (!(await tx.jobs.update(job.id, ["waiting"], { status: "running" }))) return undefined;
          return tx.tasks.insert(newTask(job, runner.id, { delivery: 10 + i }), `mac-${i}`);
        }),
      ),
    );
    expect(claims.filter((task) => task !== undefined)).toHaveLength(1);
    expect(await store.read.tasks.listByJob(job.id)).toHaveLength(2);
  });

  test("run numbers are dense under parallel inserts, some of which fail", async () => {
    const { repository } = await seed(store);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        store.write(async (tx) => {
          const run = await tx.runs.insert(newRun(repository), "x");
          if (i % 4 === 0) throw new Error("no");
          return run.number;
        }),
      ),
    );
    const numbers = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, i) => i + 2));
  });

  test("a locked run is changed by one transaction at a time", async () => {
    const { run } = await seed(store);
    await Promise.all(
      Array.from({ length: 20 }, () =>
        store.write(async (tx) => {
          const locked = await tx.runs.lock(run.id);
          await tx.runs.update(run.id, { attempt: (locked?.attempt ?? 0) + 1 });
        }),
      ),
    );
    expect((await store.read.runs.get(run.id))?.attempt).toBe(21);
  });

  test("transactions that lock in opposite orders all succeed", async () => {
    const { repository, run } = await seed(store);
    const other = await store.write((tx) => tx.runs.insert(newRun(repository), "x"));
    const pair = [run.id, other.id];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.write(async (tx) => {
          for (const id of i % 2 === 0 ? pair : pair.toReversed()) {
            const locked = await tx.runs.lock(id);
            await tx.runs.update(id, { attempt: (locked?.attempt ?? 0) + 1 });
          }
        }),
      ),
    );
    for (const id of pair) expect((await store.read.runs.get(id))?.attempt).toBe(21);
  });

  test("parallel first puts of one setting or meta value do not fail", async () => {
    const setting = { name: "N", value: "v", description: "", createdAt: 1 };
    const puts = await Promise.all(
      Array.from({ length: 8 }, () => store.write((tx) => tx.settings.put("variable", { kind: "global" }, setting))),
    );
    expect(puts.filter(Boolean)).toHaveLength(1);
    const values = await Promise.all(
      Array.from({ length: 8 }, (_, i) => store.write((tx) => tx.meta.putIfAbsent("k", String(i)))),
    );
    expect(new Set(values).size).toBe(1);
  });

  test("rows are there when the place is opened again, and a closed store refuses", async () => {
    const { task } = await seed(store);
    await store.logs.append(task.id, 0, packRows([{ time: 1.5, content: "x" }]));
    await store[Symbol.asyncDispose]();
    await expect(store.write(async () => 1)).rejects.toMatchObject({ code: "unavailable" });
    await using again = await place.open();
    expect(await again.read.tasks.get(task.id)).toEqual(task);
    expect(await again.logs.read(task.id, 0, 9)).toEqual([{ time: 1.5, content: "x" }]);
  });
}
