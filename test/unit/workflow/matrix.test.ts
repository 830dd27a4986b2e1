import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/lib/json.ts";
import { fromJson } from "../../../src/workflow/expressions/value.ts";
import { expandMatrix } from "../../../src/workflow/matrix.ts";

function legs(matrix: JsonValue): JsonValue[] {
  return expandMatrix(fromJson(matrix)).map(({ values }) => values as JsonValue);
}

describe("expandMatrix", () => {
  test("the first key is the slowest", () => {
    const expanded = expandMatrix(fromJson({ os: ["l", "w"], n: [1, 2] }));
    expect(expanded.map(({ nameSuffix }) => nameSuffix)).toEqual([" (l, 1)", " (l, 2)", " (w, 1)", " (w, 2)"]);
  });

  test("the example of GitHub's documentation", () => {
    const include = [
      { color: "green" },
      { color: "pink", animal: "cat" },
      { fruit: "apple", shape: "circle" },
      { fruit: "banana" },
      { fruit: "banana", animal: "cat" },
    ];
    expect(legs({ fruit: ["apple", "pear"], animal: ["cat", "dog"], include })).toEqual([
      { fruit: "apple", animal: "cat", color: "pink", shape: "circle" },
      { fruit: "apple", animal: "dog", color: "green", shape: "circle" },
      { fruit: "pear", animal: "cat", color: "pink" },
      { fruit: "pear", animal: "dog", color: "green" },
      { fruit: "banana" },
      { fruit: "banana", animal: "cat" },
    ]);
  });

  test("exclude compares as == does, and only listed leaves of mappings", () => {
    const matrix = {
      os: ["Linux", "win"],
      cfg: [
        { v: 1, d: "x" },
        { v: 2, d: "x" },
      ],
    };
    expect(legs({ ...matrix, exclude: [{ os: "LINUX" }] })).toHaveLength(2);
    expect(legs({ ...matrix, exclude: [{ cfg: { v: "2" } }] })).toHaveLength(2);
    expect(legs({ ...matrix, exclude: [{ os: "win", cfg: { v: 1, d: "y" } }] })).toHaveLength(4);
  });

  test("exclude does not remove includes", () => {
    expect(legs({ a: [1], exclude: [{ a: 1 }], include: [{ a: 1, b: 2 }] })).toEqual([{ a: 1, b: 2 }]);
  });

  test("include alone makes a matrix; its names show all values", () => {
    const expanded = expandMatrix(fromJson({ include: [{ a: 1 }, { a: 2, b: true }] }));
    expect(expanded).toEqual([
      { values: { a: 1 }, nameSuffix: " (1)" },
      { values: { a: 2, b: true }, nameSuffix: " (2, true)" },
    ]);
  });

  test("extras of an include do not show in the name", () => {
    expect(expandMatrix(fromJson({ a: [1], include: [{ a: 1, b: 2 }] }))[0]?.nameSuffix).toBe(" (1)");
  });

  test("long names are cut", () => {
    expect(expandMatrix(fromJson({ a: ["x".repeat(200)] }))[0]?.nameSuffix).toHaveLength(103);
  });

  test.each<[JsonValue, RegExp]>([
    [{ a: [] }, /does not contain any values/],
    [{ a: "x" }, /has to be a sequence/],
    [[], /mapping of vectors/],
    [{}, /no combinations/],
    [{ a: [1], exclude: [{ b: 1 }] }, /no vector/],
    [{ a: [1], include: ["x"] }, /not a mapping/],
    [{ a: Array(257).fill(1) }, /at most 256/],
    [{ a: Array(1000).fill(1), b: Array(1000).fill(1), c: Array(1000).fill(1) }, /at most 256/],
  ])("refuses %j", (matrix, message) => expect(() => legs(matrix)).toThrow(message));
});
