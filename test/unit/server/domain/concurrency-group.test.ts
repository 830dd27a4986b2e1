import { describe, expect, it } from "vitest";
import { type GroupMember, joinGroup, nextInGroup } from "../../../../src/server/domain/concurrency-group.ts";

const member = (id: number, state: GroupMember["state"], more: Partial<GroupMember> = {}): GroupMember => ({
  ...{ id, repositoryId: 1, groupName: "G", runId: id, jobId: null, state, due: false, keepsQueue: false },
  holds: state === "active",
  ...more,
});
const plain = { cancelInProgress: false, keepsQueue: false };
const joined = (members: GroupMember[], wanted = plain) => {
  const { state, superseded } = joinGroup(members, wanted);
  return [state, superseded.map(({ id }) => id)];
};

describe("joining a concurrency group", () => {
  it("is at once in a free one", () => {
    expect(joined([])).toEqual(["active", []]);
    expect(joined([member(1, "superseded")])).toEqual(["active", []]);
  });

  it("waits while it is occupied, and takes the place of the one that waits", () => {
    expect(joined([member(1, "active")])).toEqual(["pending", []]);
    expect(joined([member(1, "active"), member(2, "pending")])).toEqual(["pending", [2]]);
    expect(joined([member(1, "superseded", { holds: true })])).toEqual(["pending", []]);
  });

  it("cancels what is in progress when it says so", () => {
    const members = [member(1, "active"), member(2, "pending")];
    expect(joined(members, { ...plain, cancelInProgress: true })).toEqual(["pending", [2, 1]]);
  });

  it("keeps the queue when all do, up to a hundred", () => {
    const wanted = { ...plain, keepsQueue: true };
    const queue = (count: number) =>
      Array.from({ length: count }, (_, index) => member(index + 2, "pending", { keepsQueue: true }));
    expect(joined([member(1, "active"), ...queue(99)], wanted)).toEqual(["pending", []]);
    expect(joined([member(1, "active"), ...queue(100)], wanted)).toEqual(["pending", [2]]);
    expect(joined([member(1, "active"), ...queue(2)], plain)).toEqual(["pending", [2, 3]]);
    expect(joined([member(1, "active"), member(2, "pending"), ...queue(1)], wanted)).toEqual(["pending", [2]]);
  });

  it("the next is the oldest that waits, when nobody holds the group", () => {
    expect(nextInGroup([member(1, "superseded", { holds: true }), member(2, "pending")])).toBeUndefined();
    expect(nextInGroup([member(1, "superseded"), member(2, "pending"), member(3, "pending")])?.id).toBe(2);
    expect(nextInGroup([])).toBeUndefined();
  });
});
