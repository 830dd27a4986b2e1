import { afterAll, beforeAll, expect, test } from "vitest";
import type { LogRow } from "../../src/server/domain/log-rows.ts";
import { packRows } from "../../src/server/domain/log-rows-builder.ts";
import type { LogMatch, LogStore } from "../../src/server/storage/log-store.ts";
import type { Store } from "../../src/server/storage/store.ts";
import { eventually } from "../support/eventually.ts";
import type { StoreKind, StorePlace } from "../support/stores.ts";

const rows = (from: number, to: number): LogRow[] =>
  Array.from({ length: to - from }, (_, i) => ({
    time: 1_790_000_000_000 + from + i + 0.125,
    content: `row ${from + i}`,
  }));

const append = (logs: LogStore, task: number, index: number, given: readonly LogRow[]) =>
  logs.append(task, index, packRows(given));
const length = async (logs: LogStore, task: number) => (await logs.state(task)).rows;

/** What every log store does. Each test has a task of its own. */
export function logStoreContract(kind: StoreKind): void {
  const resources = new AsyncDisposableStack();
  let place: StorePlace;
  let store: Store;
  let logs: LogStore;
  let lastTask = 1000;
  const newTask = () => ++lastTask;

  beforeAll(async () => {
    place = resources.use(await kind.create());
    store = resources.use(await place.open());
    logs = store.logs;
  });
  afterAll(() => resources.disposeAsync());

  test("an unknown log is empty and not finished", async () => {
    const task = newTask();
    expect(await length(logs, task)).toBe(0);
    expect(await logs.read(task, 0, 10)).toEqual([]);
    expect((await logs.state(task)).finished).toBe(false);
    expect(await append(logs, task, 0, [])).toBe(0);
    await logs.delete([task]);
    await logs.delete([]);
  });

  test("rows are stored once, whatever is sent again", async () => {
    const task = newTask();
    expect(await append(logs, task, 0, rows(0, 10))).toBe(10);
    expect(await append(logs, task, 0, rows(0, 10))).toBe(10);
    expect(await append(logs, task, 3, rows(3, 7))).toBe(10);
    expect(await append(logs, task, 5, rows(5, 15))).toBe(15);
    expect(await append(logs, task, 15, rows(15, 16))).toBe(16);
    expect(await append(logs, task, 16, [])).toBe(16);
    expect(await length(logs, task)).toBe(16);
    expect(await logs.read(task, 0, 100)).toEqual(rows(0, 16));
  });

  test("a batch behind a gap stores nothing", async () => {
    const task = newTask();
    expect(await append(logs, task, 1, rows(1, 5))).toBe(0);
    expect(await append(logs, task, 0, rows(0, 2))).toBe(2);
    expect(await append(logs, task, 3, rows(3, 5))).toBe(2);
    expect(await logs.read(task, 0, 100)).toEqual(rows(0, 2));
  });

  test("any range can be read", async () => {
    const task = newTask();
    for (let from = 0; from < 50; from += 7) await append(logs, task, from, rows(from, Math.min(50, from + 7)));
    for (const [from, limit] of [
      [0, 1],
      [6, 2],
      [7, 7],
      [13, 20],
      [49, 1],
      [49, 100],
      [50, 1],
      [1000, 5],
      [10, 0],
    ] as const) {
      expect(await logs.read(task, from, limit)).toEqual(rows(from, Math.max(from, Math.min(50, from + limit))));
    }
  });

  test("any content survives as one line of at most 64 KiB", async () => {
    const task = newTask();
    const contents = [
      "",
      " \t ",
      "two\nlines\r\n",
      "nul \u0000 and \u001b[31mred",
      "emoji 🚀 and é and 漢字",
      "half a pair \ud83d",
      '"quotes" \\ and \\n',
      "x".repeat(100 * 1024),
      "🚀".repeat(40 * 1024),
    ];
    const given = contents.map((content, i) => ({ time: i === 0 ? 0 : 1_790_000_000_000.456 + i, content }));
    expect(await append(logs, task, 0, given)).toBe(given.length);
    const kept = given.map(({ time, content }) => ({
      time,
      content: content
        .replaceAll("\n", "\\n")
        .toWellFormed()
        .slice(0, content.startsWith("🚀") ? 2 * 16_384 : 65_536),
    }));
    expect(await logs.read(task, 0, 100)).toEqual(kept);
    expect(await logs.read(task, 3, 2)).toEqual(kept.slice(3, 5));
  });

  test("a finished log takes no new rows and is harmless to repeat", async () => {
    const task = newTask();
    await append(logs, task, 0, rows(0, 5));
    await logs.finish(task);
    await logs.finish(task);
    expect((await logs.state(task)).finished).toBe(true);
    expect(await append(logs, task, 0, rows(0, 5))).toBe(5);
    expect(await append(logs, task, 5, rows(5, 9))).toBe(5);
    expect(await append(logs, task, 3, rows(3, 9))).toBe(5);
    expect(await logs.read(task, 0, 100)).toEqual(rows(0, 5));
    const empty = newTask();
    await logs.finish(empty);
    expect((await logs.state(empty)).finished).toBe(true);
    expect(await append(logs, empty, 0, rows(0, 1))).toBe(0);
  });

  test("a log of many small batches reads the same while and after it is finished", async () => {
    const task = newTask();
    for (let from = 0; from < 900; from += 3) await append(logs, task, from, rows(from, from + 3));
    await logs.finish(task);
    for (let i = 0; i < 20; i++) {
      expect(await logs.read(task, i * 45, 45)).toEqual(rows(i * 45, i * 45 + 45));
    }
    expect(await length(logs, task)).toBe(900);
    expect(await append(logs, task, 0, rows(0, 900))).toBe(900);
  });

  test("deleted logs are gone, others stay", async () => {
    const [a, b, c] = [newTask(), newTask(), newTask()];
    for (const task of [a, b, c]) await append(logs, task, 0, rows(0, 3));
    await logs.finish(a);
    await logs.delete([a, b]);
    expect(await length(logs, a)).toBe(0);
    expect((await logs.state(a)).finished).toBe(false);
    expect(await logs.read(b, 0, 9)).toEqual([]);
    expect(await logs.read(c, 0, 9)).toEqual(rows(0, 3));
    expect(await append(logs, b, 0, rows(0, 2))).toBe(2);
  });

  test("two that send the same log at once store each row once", async () => {
    const task = newTask();
    // A second store is a second replica where the database allows it; the embedded one has only one.
    await using other = kind.name === "mariadb" ? await place.open() : undefined;
    const send = async (to: LogStore, size: number) => {
      for (let at = 0; at < 300; ) {
        const end = Math.min(300, at + size);
        at = await append(to, task, at, rows(at, end));
      }
    };
    await Promise.all([send(logs, 7), send(other?.logs ?? logs, 11), send(logs, 1)]);
    expect(await length(logs, task)).toBe(300);
    expect(await logs.read(task, 0, 1000)).toEqual(rows(0, 300));
  });

  test("listeners are called after rows and after the end, until disposed", async () => {
    const task = newTask();
    let calls = 0;
    const listener = logs.onChange(task, () => calls++);
    using _other = logs.onChange(newTask(), () => (calls += 1000));
    await append(logs, task, 0, rows(0, 1));
    await eventually("the call for rows", () => calls === 1);
    await logs.finish(task);
    await eventually("the call for the end", () => calls === 2);
    listener[Symbol.dispose]();
    listener[Symbol.dispose]();
    const second = newTask();
    await append(logs, second, 0, rows(0, 1));
    await logs.delete([task]);
    await append(logs, task, 0, rows(0, 1));
    expect(calls).toBe(2);
  });

  test("200,000 rows of several tasks are read back in order", { timeout: 120_000 }, async () => {
    const tasks = [newTask(), newTask(), newTask(), newTask()];
    const perTask = 50_000;
    await Promise.all(
      tasks.map(async (task) => {
        for (let from = 0; from < perTask; from += 1000) {
          expect(await append(logs, task, from, rows(from, from + 1000))).toBe(from + 1000);
        }
        await logs.finish(task);
      }),
    );
    for (const task of tasks) {
      expect(await length(logs, task)).toBe(perTask);
      const all = await logs.read(task, 0, perTask + 10);
      expect(all).toHaveLength(perTask);
      const wrong = all.findIndex((row, i) => row.content !== `row ${i}`);
      expect(wrong).toBe(-1);
      expect(await logs.read(task, 41_234, 3)).toEqual(rows(41_234, 41_237));
    }
  });

  test("one batch of 200,000 rows is stored as a whole, and stays whole when it is finished", {
    timeout: 120_000,
  }, async () => {
    const task = newTask();
    expect(await append(logs, task, 0, rows(0, 200_000))).toBe(200_000);
    expect(await logs.read(task, 199_998, 10)).toEqual(rows(199_998, 200_000));
    await logs.finish(task);
    // While and after it moves.
    for (let look = 0; look < 3; look++) {
      expect(await logs.read(task, 199_998, 10)).toEqual(rows(199_998, 200_000));
      expect(await logs.read(task, 0, 200_000)).toHaveLength(200_000);
    }
  });

  test("text has a line for each row, with its time in seven digits, before and after the move", async () => {
    const task = newTask();
    await append(logs, task, 0, [
      { time: 1_790_000_000_123.457, content: "one" },
      { time: 0, content: "" },
      { time: 1_790_000_000_999.999, content: "é 🚀" },
    ]);
    const lines = [
      "2026-09-21T14:13:20.1234570Z one",
      "1970-01-01T00:00:00.0000000Z ",
      "2026-09-21T14:13:20.9999990Z é 🚀",
    ];
    const text = async (from: number, limit: number) => {
      const piece = await logs.text(task, from, limit);
      return [piece.rows, Buffer.from(piece.text).toString()];
    };
    const check = async () => {
      expect(await text(0, 10)).toEqual([3, lines.map((line) => `${line}\n`).join("")]);
      expect(await text(1, 1)).toEqual([1, `${lines[1]}\n`]);
      expect(await text(3, 5)).toEqual([0, ""]);
    };
    await check();
    await logs.finish(task);
    await check();
  });

  test("a search finds rows literally, in order, from any row on", async () => {
    const task = newTask();
    const given = rows(0, 3000).map(({ time }, i) => ({
      time,
      content: i % 1000 === 7 ? `row ${i}: Größe of a.*b` : `row ${i}`,
    }));
    for (let from = 0; from < 3000; from += 100) await append(logs, task, from, given.slice(from, from + 100));
    const search = async (text: string, options: { ignoreCase?: boolean; from?: number; limit?: number } = {}) => {
      const { ignoreCase = false, from = 0, limit = 100 } = options;
      const found: LogMatch[] = [];
      let searched = from;
      const signal = new AbortController().signal;
      for await (const step of logs.search(task, { text, ignoreCase }, { from, limit, signal })) {
        found.push(...step.matches);
        searched = step.nextRow;
      }
      expect(searched).toBe(3000);
      return found;
    };
    const check = async () => {
      const found = await search("a.*b");
      expect(found.map(({ row }) => row)).toEqual([7, 1007, 2007]);
      expect(found[1]).toEqual({ row: 1007, time: given[1007]?.time, column: 19, content: given[1007]?.content });
      expect((await search("a.*b", { from: 8 })).map(({ row }) => row)).toEqual([1007, 2007]);
      expect(await search("A.*B")).toEqual([]);
      expect(await search("GRÖSSE")).toEqual([]);
      expect((await search("gRÖßE OF A", { ignoreCase: true })).map(({ row }) => row)).toEqual([7, 1007, 2007]);
      expect(await search("row", { limit: 5 })).toHaveLength(5);
      expect(await search("row 2999")).toHaveLength(1);
      expect(await search("row 0")).toMatchObject([{ row: 0, column: 0 }]);
      expect(await search("0\nrow")).toEqual([]);
    };
    await check();
    await logs.finish(task);
    for (let i = 0; i < 5; i++) await check();
  });

  test("a search that is aborted ends", async () => {
    const task = newTask();
    await append(logs, task, 0, rows(0, 10));
    const query = { text: "row", ignoreCase: false };
    for await (const _ of logs.search(task, query, { limit: 1, signal: AbortSignal.abort() })) expect.unreachable();
  });

  test("old logs go in chunks, and their rows are not taken again", async () => {
    await using elsewhere = await kind.create();
    await using other = await elsewhere.open();
    const tasks = Array.from({ length: 5 }, newTask);
    for (const task of tasks) await append(other.logs, task, 0, rows(0, 3));
    await other.logs.finish(tasks[0] ?? 0);
    expect(await other.logs.deleteExpired(1, 100)).toBe(0);
    const later = Date.now() + 1e12;
    expect(await other.logs.deleteExpired(later, 3)).toBe(3);
    expect(await other.logs.deleteExpired(later, 3)).toBe(2);
    expect(await other.logs.deleteExpired(later, 3)).toBe(0);
    for (const task of tasks) {
      expect(await other.logs.state(task)).toEqual({ ...(await other.logs.state(task)), rows: 0, expired: true });
      expect(await other.logs.read(task, 0, 10)).toEqual([]);
    }
    await other.logs.delete(tasks);
    expect(await other.logs.state(tasks[0] ?? 0)).toMatchObject({ rows: 0, expired: false });
  });

  test("rows are there when the store is opened again", async () => {
    const task = newTask();
    for (let from = 0; from < 30; from++) await append(logs, task, from, rows(from, from + 1));
    await logs.finish(task);
    await store[Symbol.asyncDispose]();
    store = resources.use(await place.open());
    logs = store.logs;
    expect(await length(logs, task)).toBe(30);
    expect((await logs.state(task)).finished).toBe(true);
    expect(await append(logs, task, 30, rows(30, 31))).toBe(30);
    expect(await logs.read(task, 0, 100)).toEqual(rows(0, 30));
  });
}
