import { describe, expect, test } from "vitest";
import { unpackRows } from "../../../../src/server/domain/log-rows.ts";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import { makeFinder, scanSegment } from "../../../../src/server/storage/logs/scan-segment.ts";
import { filterOf, pack, packSearchable, unpack } from "../../../../src/server/storage/logs/segment-codec.ts";
import { gramsOf, makeFilter, mayHold } from "../../../../src/server/storage/logs/segment-filter.ts";

/** 300 KiB: enough for a filter. */
const given = Array.from({ length: 4_000 }, (_, i) => ({
  time: 1_790_000_000_000 + i,
  content:
    i === 1_234
      ? "Fehler: Größe von ÄB ſt zu klein (Exit 137)"
      : `[${i}] cc -O2 -c src/Module_${i % 97}/file_${i}.c -o build/obj/${(i * 104_729) % 65_536}.o`,
}));
const segment = packSearchable(packRows(given));

function find(text: string, ignoreCase = false, data: Uint8Array = segment) {
  return scanSegment({ firstRow: 0, data }, makeFinder({ text, ignoreCase }), { from: 0, to: Infinity, limit: 10_000 });
}

describe("a segment with a filter", () => {
  test("holds the same rows, and is told from those without", () => {
    expect(unpackRows(unpack(segment))).toEqual(given);
    expect(filterOf(segment).length).toBe(4096);
    expect(filterOf(pack(packRows(given)))).toHaveLength(0);
    expect(filterOf(packSearchable(packRows(given.slice(0, 100))))).toHaveLength(0);
  });

  test.each([
    ["Exit 137", false],
    ["eXIT 137", true],
    ["Größe von ÄB ſt", false],
    ["gRÖßE VON äb ST ZU", true],
    ["größe von äb ſT zu", true],
    ["7)", false],
    ["Ä", true],
    ["F", false],
  ])("a search finds the rows that hold %s (any case: %s)", (text, ignoreCase) => {
    const wanted = find(text, ignoreCase, pack(packRows(given))).map(({ row }) => row);
    expect(find(text, ignoreCase).map(({ row }) => row)).toEqual(wanted);
    if (text !== "gRÖßE VON äb ST ZU") expect(wanted).toContain(1_234);
  });

  test("is not unpacked for a text that it does not hold", () => {
    const damaged = Buffer.from(segment);
    damaged.fill(0, damaged.length - 1_000);
    expect(() => find("file_17.c", false, damaged)).toThrow();
    for (const text of ["no row holds this", "segmentation fault", "Permission denied"]) {
      expect(find(text, false, damaged)).toEqual([]);
      expect(find(text, true, damaged)).toEqual([]);
    }
  });
});

test("a filter never denies what a text holds", () => {
  const text = Buffer.from(given.map(({ content }) => `${content}\n`).join(""));
  const filter = makeFilter(text);
  for (let at = 0; at < text.length - 40; at += 97) {
    for (const length of [1, 3, 4, 5, 40]) {
      const part = text.toString("latin1", at, at + length);
      // Only what is a text as it stands: no character of several bytes is cut.
      if (/[^\0-\x7f]/.test(part)) continue;
      expect(mayHold(filter, gramsOf({ text: part, ignoreCase: false }))).toBe(true);
      expect(mayHold(filter, gramsOf({ text: part.toUpperCase(), ignoreCase: true }))).toBe(true);
    }
  }
});
