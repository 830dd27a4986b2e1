import { expect, test } from "vitest";
import { matches } from "../../../../src/server/domain/labels.ts";

test.each([
  [["a"], ["a", "b"], true],
  [["a", "b"], ["b", "a"], true],
  [["a", "c"], ["a", "b"], false],
  [["A"], ["a"], false],
  [["a"], [], false],
  [["a", "a"], ["a"], true],
  [[], [], true],
  [[], ["a"], true],
])("runs-on %j on a runner with %j: %s", (runsOn, labels, expected) => {
  expect(matches(runsOn, labels)).toBe(expected);
  expect(matches(runsOn, new Set(labels))).toBe(expected);
});

test("an empty runs-on can be made to match nothing, as in Forgejo", () => {
  expect(matches([], ["a"], { emptyRunsOnMatches: false })).toBe(false);
});
