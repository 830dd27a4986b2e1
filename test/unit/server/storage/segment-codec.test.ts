import { expect, test } from "vitest";
import {
  decodeRows,
  encodeRows,
  pack,
  SEGMENT_CHARS,
  SEGMENT_ROWS,
  toSegments,
  unpack,
} from "../../../../src/server/storage/logs/segment-codec.ts";

test("segments are bounded by rows and by characters", () => {
  const small = Array.from({ length: SEGMENT_ROWS * 2 + 1 }, (_, i) => ({ time: i, content: "x" }));
  expect(toSegments(10, small).map(({ firstRow, rowCount }) => [firstRow, rowCount])).toEqual([
    [10, SEGMENT_ROWS],
    [10 + SEGMENT_ROWS, SEGMENT_ROWS],
    [10 + 2 * SEGMENT_ROWS, 1],
  ]);
  const large = Array.from({ length: 3 }, (_, i) => ({ time: i, content: "x".repeat(SEGMENT_CHARS) }));
  expect(toSegments(0, large)).toHaveLength(3);
  expect(toSegments(0, [])).toEqual([]);
});

test("small and large texts come back as they were, and repetition is packed", () => {
  for (const count of [0, 1, 500]) {
    const rows = Array.from({ length: count }, (_, i) => ({ time: i + 0.25, content: `a ${i} \u0000 \ud800 🚀` }));
    const stored = pack(encodeRows(rows));
    expect(decodeRows(unpack(stored))).toEqual(rows);
    if (count === 500) expect(stored.byteLength).toBeLessThan(encodeRows(rows).byteLength / 3);
  }
});
