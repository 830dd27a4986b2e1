import { describe, expect, it } from "vitest";
import { type FairShare, FRESH_SHARE, handedOut, startOf } from "../../../../src/server/domain/fair-share.ts";

/** Who is served when all of `wanted` always want more; of those with the same start the first of the list. */
function served(wanted: Readonly<Record<number, number>>, count: number, share: FairShare = FRESH_SHARE) {
  const ids = Object.keys(wanted).map(Number);
  const order: number[] = [];
  let state = share;
  for (let index = 0; index < count; index++) {
    const next = ids.reduce((best, id) => (startOf(state, id) < startOf(state, best) ? id : best));
    order.push(next);
    state = handedOut(state, next, wanted[next] ?? 1);
  }
  return { order, state };
}

describe("fair share", () => {
  it.each([
    ["alone", { 1: 1 }, [1, 1, 1]],
    ["by turns", { 1: 1, 2: 1 }, [1, 2, 1, 2]],
    ["by turns of three", { 1: 1, 2: 1, 3: 1 }, [1, 2, 3, 1, 2, 3]],
    ["twice the weight", { 1: 1, 2: 2 }, [1, 2, 2, 1, 2, 2]],
    ["half the weight", { 1: 0.5, 2: 1 }, [1, 2, 2, 1, 2, 2]],
  ])("%s", (_, wanted, expected) => {
    expect(served(wanted, expected.length).order).toEqual(expected);
  });

  it.each([0.01, 1, 1_000])("one that was idle is next, whatever the weight of the others (%d)", (weight) => {
    for (const before of [1, 2, 999]) {
      const { state } = served({ 1: weight }, before);
      expect(startOf(state, 2)).toBeLessThan(startOf(state, 1));
    }
  });

  it("saves nothing while it is idle, and remembers nobody for ever", () => {
    const { state } = served({ 1: 1 }, 1_000);
    expect(served({ 1: 1, 2: 1 }, 10, state).order.filter((id) => id === 2)).toHaveLength(5);
    let many = FRESH_SHARE;
    for (let round = 0; round < 5; round++)
      many = served(Object.fromEntries(Array.from({ length: 50 }, (__, id) => [id, 1])), 50, many).state;
    expect(served({ 99: 1 }, 10, many).state.clocks.size).toBe(1);
  });
});
