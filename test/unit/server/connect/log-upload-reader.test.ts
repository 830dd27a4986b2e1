import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { UpdateLogRequestSchema } from "../../../../src/protocol/messages.ts";
import { LogUploadReader } from "../../../../src/server/connect/log-upload-reader.ts";
import { unpackRows } from "../../../../src/server/domain/log-rows.ts";

const rows = Array.from({ length: 50 }, (_, i) => ({
  time: 1_790_000_000_000 + i * 0.5,
  content: ["", "plain", "é 🚀 漢字", "x".repeat(300), "two\nlines"][i % 5] ?? "",
}));
const message = toBinary(
  UpdateLogRequestSchema,
  create(UpdateLogRequestSchema, {
    ...{ taskId: 5_000_000_000n, index: 300n, noMore: true },
    rows: rows.map(({ time, content }) => ({ time: { ...timestampFromMs(time) }, content })),
  }),
);

function read(bytes: Uint8Array, chunk: number): LogUploadReader {
  const reader = new LogUploadReader();
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
  reader.end();
  return reader;
}

describe("LogUploadReader", () => {
  it.each([1, 2, 3, 7, 64, 1_000_000])("reads what the encoder wrote, in chunks of %i bytes", (chunk) => {
    const reader = read(message, chunk);
    expect(reader).toMatchObject({ taskId: 5_000_000_000, index: 300, noMore: true });
    const expected = rows.map(({ time, content }) => ({
      time: Math.floor(time),
      content: content.replace("\n", "\\n"),
    }));
    expect(unpackRows(reader.rows.take()).map((row) => ({ ...row, time: Math.floor(row.time) }))).toEqual(expected);
  });

  it("skips fields it does not know and keeps the beginning of a row that is far too long", () => {
    const row = new BinaryWriter().tag(9, 1).fixed64(1n).tag(2, 2).string("y".repeat(300_000)).finish();
    const bytes = new BinaryWriter()
      .tag(15, 2)
      .string("z".repeat(5000))
      .tag(3, 2)
      .bytes(row)
      .tag(14, 5)
      .fixed32(7)
      .tag(3, 2)
      .bytes(new BinaryWriter().tag(2, 2).string("next").finish())
      .finish();
    for (const chunk of [100, 10_000, 1_000_000]) {
      const [long, next] = unpackRows(read(bytes, chunk).rows.take());
      expect(long?.content).toBe("y".repeat(65_536));
      expect(next).toEqual({ time: 0, content: "next" });
    }
  });

  it("takes bytes that are no UTF-8 and times that cannot be", () => {
    const time = new BinaryWriter().tag(1, 0).int64(-5n).finish();
    const row = new BinaryWriter()
      .tag(1, 2)
      .bytes(time)
      .tag(2, 2)
      .bytes(Buffer.from([0x61, 0xff, 0x62]))
      .finish();
    const reader = read(new BinaryWriter().tag(3, 2).bytes(row).finish(), 5);
    expect(unpackRows(reader.rows.take())).toEqual([{ time: 0, content: "a\ufffdb" }]);
  });

  it("refuses what breaks off, has no meaning, or counts below zero", () => {
    for (const cut of [-1, -3])
      expect(() => read(message.subarray(0, cut), 100)).toThrow("is not a runner.v1.UpdateLogRequest");
    expect(() => read(Buffer.from("hello"), 100)).toThrow("is not a runner.v1.UpdateLogRequest");
    expect(() => read(new BinaryWriter().tag(2, 0).int64(-1n).finish(), 100)).toThrow("index must be");
    expect(() => read(Buffer.alloc(20, 0xff), 3)).toThrow("is not a runner.v1.UpdateLogRequest");
  });
});
