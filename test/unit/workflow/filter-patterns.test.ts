import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { matchesAll, matchesAny } from "../../../src/workflow/filter-patterns.ts";

interface Case {
  readonly patterns: string[];
  readonly inputs: string[];
  readonly ignoreListSkips: boolean;
  readonly includeListSkips: boolean;
}

const file = join(import.meta.dirname, "../../fixtures/filter-patterns.json");
const cases = JSON.parse(readFileSync(file, "utf8")) as Case[];

describe("filter patterns", () => {
  test("there are 64 vectors", () => expect(cases).toHaveLength(64));

  test.each(cases)("$patterns over $inputs", ({ patterns, inputs, includeListSkips, ignoreListSkips }) => {
    expect({ include: !matchesAny(patterns, inputs), ignore: matchesAll(patterns, inputs) }).toEqual({
      include: includeListSkips,
      ignore: ignoreListSkips,
    });
  });

  test.each(["[z-a]", "[", "?x", "[a", "x\\", "[^a]"])("refuses %s", (pattern) => {
    expect(() => matchesAny([pattern], ["x"])).toThrow(/filter pattern/);
  });
});
