import { minimatch } from "minimatch";
import { expect, it } from "vitest";
import { namePattern } from "../../../../src/runner/builtin/name-pattern.ts";

const NAMES = ["part-1", "part-2", "part", "all", ".hidden", "a b", "!x", "#x", "x"];

it.each([
  ...[
    "part-*",
    "*",
    ".*",
    "{part,all}",
    "part-{1..2}",
    "part-@(1|3)",
    "!part-*",
    "!!part-*",
    "!(part*)",
    "#x",
    "?",
    "[!x]*",
  ],
  ...["{.h*,a*}", "\\!x", "\\#x", "*-[0-9]"],
])("%s takes the names that minimatch takes", (pattern) => {
  const isWanted = namePattern(pattern);
  expect(NAMES.filter(isWanted)).toEqual(NAMES.filter((name) => minimatch(name, pattern)));
});

it("ends for any pattern", () => {
  expect(namePattern(`{${"*a".repeat(40)},${"+(a|aa)".repeat(20)}}b`)("a".repeat(255))).toBe(false);
});
