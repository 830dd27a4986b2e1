import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RowSpool } from "../../../../src/runner/report/row-spool.ts";

const LIMITS = { rows: 50, bytes: 1024 * 1024 };

describe("RowSpool", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "row-spool-"));
  });

  afterEach(async () => {
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  const spoolOf = (memoryBytes: number, diskBytes?: number) =>
    new RowSpool({ file: join(folder, "rows"), memoryBytes, ...(diskBytes === undefined ? {} : { diskBytes }) });

  async function drain(spool: RowSpool, limits = LIMITS): Promise<string[]> {
    const texts: string[] = [];
    while (spool.base < spool.end) {
      const rows = await spool.read(limits);
      expect(rows.length).toBeGreaterThan(0);
      texts.push(...rows.map((row) => row.text));
      spool.ack(spool.base + rows.length);
    }
    return texts;
  }

  it.each([
    ["in memory", 1_000_000],
    ["over the disk", 500],
  ])("keeps rows in order %s", async (_, memoryBytes) => {
    await using spool = spoolOf(memoryBytes);
    const texts = Array.from({ length: 20_000 }, (__, index) => `row ${index} ä€😀 "\n\\`);
    for (const text of texts) await spool.push({ at: 1, text });
    expect(spool.end).toBe(20_000);
    expect(await drain(spool)).toEqual(texts);
  });

  it("takes rows while others are read", async () => {
    await using spool = spoolOf(2_000);
    const seen: string[] = [];
    for (let index = 0; index < 5_000; index += 1) {
      await spool.push({ at: index, text: `${index}` });
      if (index % 3 === 0) {
        const rows = await spool.read({ rows: 2, bytes: 1_000 });
        seen.push(...rows.map((row) => row.text));
        spool.ack(spool.base + rows.length);
      }
    }
    seen.push(...(await drain(spool)));
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => `${index}`));
  });

  it("a message is no longer than it may be, also of characters that take three bytes", async () => {
    await using spool = spoolOf(1_000_000);
    for (let row = 0; row < 10; row += 1) await spool.push({ at: row, text: "漢".repeat(100) });
    expect(await spool.read({ rows: 10, bytes: 1_100 })).toHaveLength(3);
  });

  it("rows that are not acknowledged are read again", async () => {
    await using spool = spoolOf(1_000_000);
    for (const text of ["a", "b", "c"]) await spool.push({ at: 1, text });
    expect((await spool.read(LIMITS)).map((row) => row.text)).toEqual(["a", "b", "c"]);
    spool.ack(1);
    spool.ack(0);
    expect((await spool.read(LIMITS)).map((row) => row.text)).toEqual(["b", "c"]);
    expect((await spool.read({ rows: 10, bytes: 1 })).map((row) => row.text)).toEqual(["b"]);
  });

  it("a full disk cuts the log with a row that says so, and goes on when it is drained", async () => {
    await using spool = spoolOf(100, 2_000);
    for (let index = 0; index < 200; index += 1) await spool.push({ at: 1, text: `${index}` });
    const texts = await drain(spool);
    expect(texts.at(-1)).toContain("cut");
    expect(texts.length).toBeLessThan(100);
    await spool.push({ at: 1, text: "later" });
    expect(await drain(spool)).toEqual(["later"]);
  });

  it("keeps a row that is longer than a chunk", async () => {
    await using spool = spoolOf(10);
    const long = "x".repeat(3_000_000);
    await spool.push({ at: 1, text: "first" });
    await spool.push({ at: 1, text: long });
    await spool.push({ at: 1, text: "last" });
    expect((await drain(spool)).map((text) => text.length)).toEqual([5, 3_000_000, 4]);
  });
});
