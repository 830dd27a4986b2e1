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

  test.each([
    ["**/x", "x", true],
    ["**/x", "a/b/x", true],
    ["**/x", "ax", false],
    ["a/**/b", "a/b", true],
    ["a**b", "a/x/b", true],
    ["v[12].[0-9]+", "v2.10", true],
    ["v[12].[0-9]+", "v2.", false],
    ["a?+b", "aaab", true],
    ["a?+b", "b", true],
    ["*?x", "x", true],
    ["**/+x", "a/x", true],
    ["ü?b", "b", true],
    ["*", "a/b", false],
    ["a.b", "axb", false],
    ["constructor", "constructor", true],
  ] as const)("%s over %s: %s", (pattern, name, expected) => expect(matchesAny([pattern], [name])).toBe(expected));

  test("a later pattern wins", () => {
    expect(matchesAny(["a*", "!ab*", "abc"], ["abc"])).toBe(true);
    expect(matchesAny(["a*", "!ab*", "abc"], ["abd"])).toBe(false);
  });

  test("a pattern that would make a regular expression backtrack has an answer", () => {
    expect(matchesAny([`${"*a".repeat(300)}b`], ["a".repeat(2000)])).toBe(false);
  });

  test.each(["[z-a]", "[", "?x", "[a", "x\\", "[^a]"])("refuses %s", (pattern) => {
    expect(() => matchesAny([pattern], ["x"])).toThrow(/filter pattern/);
  });
});
