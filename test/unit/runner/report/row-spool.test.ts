import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { UpdateLogRequestSchema } from "../../../../src/protocol/messages.ts";
import type { EncodedRows } from "../../../../src/runner/report/row-chunk.ts";
import { RowSpool } from "../../../../src/runner/report/row-spool.ts";

const LIMITS = { rows: 50, bytes: 1024 * 1024 };

/** What a server reads of rows. */
function decoded({ count, parts }: EncodedRows): { at: number; text: string }[] {
  const { rows } = fromBinary(UpdateLogRequestSchema, Buffer.concat(parts));
  expect(rows).toHaveLength(count);
  return rows.map(({ time, content }) => ({ at: time === undefined ? -1 : timestampMs(time), text: content }));
}

const texts = (rows: EncodedRows) => decoded(rows).map((row) => row.text);

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
    const found: string[] = [];
    while (spool.base < spool.end) {
      const rows = await spool.read(limits);
      expect(rows.count).toBeGreaterThan(0);
      found.push(...texts(rows));
      spool.ack(spool.base + rows.count);
    }
    return found;
  }

  it.each([
    ["in memory", 1_000_000],
    ["over the disk", 500],
  ])("keeps rows in order %s", async (_, memoryBytes) => {
    await using spool = spoolOf(memoryBytes);
    const given = Array.from({ length: 20_000 }, (__, index) => `row ${index} ä€😀 "\n\\`);
    for (const text of given) await spool.push({ at: 1, text });
    expect(spool.end).toBe(20_000);
    expect(await drain(spool)).toEqual(given);
  });

  it("takes rows while others are read", async () => {
    await using spool = spoolOf(2_000);
    const seen: string[] = [];
    for (let index = 0; index < 5_000; index += 1) {
      await spool.push({ at: index, text: `${index}` });
      if (index % 3 === 0) {
        const rows = await spool.read({ rows: 2, bytes: 1_000 });
        seen.push(...texts(rows));
        spool.ack(spool.base + rows.count);
      }
    }
    seen.push(...(await drain(spool)));
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => `${index}`));
  });

  it("a message is no longer than it may be, also of characters that take three bytes", async () => {
    await using spool = spoolOf(1_000_000);
    for (let row = 0; row < 10; row += 1) await spool.push({ at: row, text: "漢".repeat(100) });
    expect((await spool.read({ rows: 10, bytes: 1_100 })).count).toBe(3);
  });

  it("rows that are not acknowledged are read again", async () => {
    await using spool = spoolOf(1_000_000);
    for (const text of ["a", "b", "c"]) await spool.push({ at: 1, text });
    expect(texts(await spool.read(LIMITS))).toEqual(["a", "b", "c"]);
    spool.ack(1);
    spool.ack(0);
    expect(texts(await spool.read(LIMITS))).toEqual(["b", "c"]);
    expect(texts(await spool.read({ rows: 10, bytes: 1 }))).toEqual(["b"]);
  });

  it("a full disk cuts the log with a row that says so, and goes on when it is drained", async () => {
    await using spool = spoolOf(100, 2_000);
    for (let index = 0; index < 200; index += 1) await spool.push({ at: 1, text: `${index}` });
    const found = await drain(spool);
    expect(found.at(-1)).toContain("cut");
    expect(found.length).toBeLessThan(200);
    await spool.push({ at: 1, text: "later" });
    expect(await drain(spool)).toEqual(["later"]);
  });

  it("a disk that takes nothing cuts the log with a row that says so, and goes on when it is drained", async () => {
    const nowhere = join(folder, "file");
    await writeFile(nowhere, "");
    {
      await using spool = new RowSpool({ file: join(nowhere, "rows"), memoryBytes: 200 });
      for (let index = 0; index < 200; index += 1) await spool.push({ at: 7_000, text: `${index}` });
      const rows = decoded(await spool.read({ rows: 1_000, bytes: 1_000_000 }));
      expect(rows.at(-1)).toMatchObject({ at: 7_000, text: expect.stringContaining("cut") });
      expect(rows.slice(0, -1).map((row) => row.text)).toEqual(
        Array.from({ length: rows.length - 1 }, (_, n) => `${n}`),
      );
      expect(rows.length).toBeLessThan(40);
      await drain(spool);
      await spool.push({ at: 1, text: "later" });
      expect(await drain(spool)).toEqual(["later"]);
    }
    await rm(nowhere);
  });

  it("rows go on the wire with their time and as well-formed text", async () => {
    await using spool = spoolOf(1_000_000);
    const rows = [
      { at: 0, text: "" },
      { at: 1_790_000_000_123, text: "x".repeat(300) },
      { at: 1_790_000_000_999, text: "\ud83d alone \u{1f600}" },
    ];
    for (const row of rows) await spool.push(row);
    expect(decoded(await spool.read(LIMITS))).toEqual(rows.map(({ at, text }) => ({ at, text: text.toWellFormed() })));
  });

  it("bytes that were read stay as they are until they are acknowledged", async () => {
    await using spool = spoolOf(400);
    for (let index = 0; index < 10; index += 1) await spool.push({ at: 1, text: `early ${index}` });
    const rows = await spool.read(LIMITS);
    for (let index = 0; index < 500; index += 1) await spool.push({ at: 1, text: `late ${index}` });
    expect(texts(rows)).toEqual(Array.from({ length: 10 }, (_, index) => `early ${index}`));
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
