import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { type LogRow, sliceRows, unpackRows } from "../../../../src/server/domain/log-rows.ts";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import {
  pack,
  packLater,
  SEGMENT_BYTES,
  toSegments,
  unpack,
} from "../../../../src/server/storage/logs/segment-codec.ts";

const rows = (count: number, content = (i: number) => `a ${i} \u0000 é 🚀`): LogRow[] =>
  Array.from({ length: count }, (_, i) => ({ time: 1_790_000_000_000 + i * 0.25, content: content(i) }));

test("segments are bounded by rows and by bytes, and follow each other", () => {
  const small = rows(70_000, () => "");
  expect(toSegments(packRows(small)).map(({ count }) => count)).toEqual([32_768, 32_768, 4_464]);
  const large = rows(100, (i) => `${i} ${"x".repeat(60_000)}`);
  const pieces = toSegments(packRows(large));
  expect(Math.max(...pieces.map(({ text }) => text.length))).toBeLessThan(SEGMENT_BYTES + 64 * 1024 + 1);
  expect(pieces.flatMap((piece) => unpackRows(piece))).toEqual(large);
  expect(toSegments(packRows([]))).toEqual([]);
});

test("rows come back as they were, and repetition is packed", async () => {
  for (const count of [0, 1, 500]) {
    const given = rows(count);
    const stored = pack(packRows(given));
    expect(unpackRows(unpack(stored))).toEqual(given);
    expect(unpackRows(unpack(await packLater(packRows(given))))).toEqual(given);
    if (count === 500) expect(stored.length).toBeLessThan(packRows(given).text.length / 3);
  }
});

test("times may go back, be nothing, or lie far away", () => {
  const given = [5, 0, 1_790_000_000_000.456, 3.25, 253_402_300_799_000].map((time) => ({ time, content: "" }));
  expect(unpackRows(unpack(pack(packRows(given))))).toEqual(given);
});

test("a part of the rows is cut out without the rest", () => {
  const packed = packRows(rows(10));
  expect(unpackRows(sliceRows(packed, 3, 5))).toEqual(rows(10).slice(3, 5));
  expect(unpackRows(packed, 8)).toEqual(rows(10).slice(8));
  expect(unpackRows(packed, -4, 2)).toEqual(rows(10).slice(0, 2));
  expect(sliceRows(packed, 10).count).toBe(0);
});

test("segments of the first version are read", () => {
  const json = Buffer.from(JSON.stringify([rows(3).map(({ time }) => time), rows(3).map(({ content }) => content)]));
  expect(unpackRows(unpack(Buffer.concat([Buffer.of(0), json])))).toEqual(rows(3));
  expect(unpackRows(unpack(Buffer.concat([Buffer.of(1), zstdCompressSync(json)])))).toEqual(rows(3));
  expect(() => unpack(Buffer.of(9, 1, 2, 3, 4))).toThrow("unknown format 9");
});
