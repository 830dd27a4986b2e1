import { expect, test } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { CommitMemory } from "../../../../src/server/storage/commit-memory.ts";
import { openSqlite } from "../../../../src/server/storage/data-sources.ts";
import { migrate } from "../../../../src/server/storage/migrate.ts";
import { SqliteWriter } from "../../../../src/server/storage/sqlite-writer.ts";
import { TransactionScope } from "../../../../src/server/storage/transaction-scope.ts";
import { storeKinds } from "../../../support/stores.ts";

async function openWriter() {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await (storeKinds[0] ?? expect.unreachable()).create());
  const dataSource = await openSqlite(place.options.dataDir, "writer");
  resources.defer(() => dataSource.destroy());
  await migrate(dataSource);
  const writer = resources.use(
    new SqliteWriter(dataSource, new TransactionScope(), systemClock, new CommitMemory(), () => {}),
  );
  const owned = resources.move();
  return { dataSource, writer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const countKeys = async (dataSource: Awaited<ReturnType<typeof openSqlite>>) =>
  Number((await dataSource.query("SELECT COUNT(*) AS n FROM meta"))[0].n);

test("a full disk fails those that do not fit, and no other write is half done", async () => {
  await using opened = await openWriter();
  const { dataSource, writer } = opened;
  const pages = (await dataSource.query("PRAGMA page_count"))[0].page_count;
  await dataSource.query(`PRAGMA max_page_count = ${pages + 40}`);
  const big = "x".repeat(8 * 4096);
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      writer.write(async (tx) => {
        await tx.meta.putIfAbsent(`small-${i}`, "v");
        await tx.meta.putIfAbsent(`big-${i}`, big);
      }),
    ),
  );
  const rejected = results.filter((result) => result.status === "rejected");
  expect(rejected.length).toBeGreaterThan(0);
  for (const { reason } of rejected) expect(reason).toMatchObject({ code: "unavailable" });
  expect(await countKeys(dataSource)).toBe(2 * (results.length - rejected.length));
  await dataSource.query("PRAGMA max_page_count = 100000");
  expect(await writer.write((tx) => tx.meta.putIfAbsent("after", "v"))).toBe("v");
});

test("an error that the function swallowed still loses its transaction when the database ended it", async () => {
  await using opened = await openWriter();
  const { dataSource, writer } = opened;
  const pages = (await dataSource.query("PRAGMA page_count"))[0].page_count;
  await dataSource.query(`PRAGMA max_page_count = ${pages + 1}`);
  const writing = writer.write(async (tx) => {
    await tx.meta.putIfAbsent("small", "v");
    await tx.meta.putIfAbsent("big", "x".repeat(100_000)).catch(() => undefined);
  });
  await expect(writing).rejects.toMatchObject({ code: "unavailable" });
  expect(await countKeys(dataSource)).toBe(0);
});

test("writes that come during a commit are in the next one, in the order of their calls", async () => {
  await using opened = await openWriter();
  const order: number[] = [];
  const first = opened.writer.write(async () => {
    order.push(1);
  });
  const more = [2, 3, 4].map((n) =>
    opened.writer.write(async () => {
      order.push(n);
    }),
  );
  await first;
  await opened.writer.write(async () => {
    order.push(5);
  });
  await Promise.all(more);
  expect(order).toEqual([1, 2, 3, 4, 5]);
});
