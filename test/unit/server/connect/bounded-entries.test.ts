import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { UpdateLogRequestSchema, UpdateTaskRequestSchema } from "../../../../src/protocol/messages.ts";
import { boundedEntries } from "../../../../src/server/connect/bounded-entries.ts";

const time = { seconds: 1n };

describe("the number of entries of a message", () => {
  it("within the limit changes nothing", () => {
    const rows = [{ time, content: "one" }, { content: "two" }];
    const bytes = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, { taskId: 7n, rows, noMore: true }));
    expect(boundedEntries(UpdateLogRequestSchema, bytes, 3)).toBe(bytes);
  });

  it("beyond it cuts the rows of a log, and says no longer that no more follow", () => {
    const rows = ["one", "two", "three"].map((content) => ({ time, content }));
    const request = { taskId: 7n, index: 40n, rows, noMore: true };
    const bytes = toBinary(UpdateLogRequestSchema, create(UpdateLogRequestSchema, request));
    const cut = fromBinary(UpdateLogRequestSchema, boundedEntries(UpdateLogRequestSchema, bytes, 5));
    expect(cut).toMatchObject({ taskId: 7n, index: 40n, noMore: false });
    expect(cut.rows.map((row) => row.content)).toEqual(["one", "two"]);
  });

  it("beyond it within a message refuses it", () => {
    const steps = Array.from({ length: 10 }, () => ({}));
    const bytes = toBinary(UpdateTaskRequestSchema, create(UpdateTaskRequestSchema, { state: { steps } }));
    expect(() => boundedEntries(UpdateTaskRequestSchema, bytes, 9)).toThrow(
      expect.objectContaining({ code: "exhausted" }),
    );
    expect(boundedEntries(UpdateTaskRequestSchema, bytes, 11)).toBe(bytes);
  });
});
