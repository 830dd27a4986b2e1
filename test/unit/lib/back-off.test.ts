import { expect, it } from "vitest";
import { backOffMs } from "../../../src/lib/back-off.ts";

it.each([
  [1, 0.5, 100],
  [2, 0.5, 200],
  [5, 0.5, 1_000],
  [1_000, 0.5, 1_000],
  [0, 0.5, 100],
  [1, 0, 80],
  [1, 1, 120],
])("after %s failures with chance %s: %s ms", (failures, random, ms) => {
  expect(backOffMs(failures, { baseMs: 100, maxMs: 1_000 }, { random: () => random })).toBe(ms);
});
