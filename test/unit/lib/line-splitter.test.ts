import { describe, expect, it } from "vitest";
import { LineSplitter } from "../../../src/lib/line-splitter.ts";

/** All lines of some chunks. */
function split(...chunks: (string | readonly number[])[]): string[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(Buffer.from(chunk as string))), ...splitter.end()];
}

const longest = 1024 * 1024;

describe("LineSplitter", () => {
  it.each<[string, (string | readonly number[])[], string[]]>([
    ["nothing", [], []],
    ["an empty chunk", [""], []],
    ["a line", ["a\n"], ["a"]],
    ["lines and a rest", ["a\n\nb"], ["a", "", "b"]],
    ["a line in many chunks", ["a", "b", "", "c\nd"], ["abc", "d"]],
    ["CRLF", ["a\r\nb\r\n"], ["a", "b"]],
    ["CRLF between chunks", ["a\r", "\nb"], ["a", "b"]],
    ["a lone CR stays, but at the end", ["a\rb\nc\r"], ["a\rb", "c"]],
    [
      "a character between chunks",
      [
        [0x61, 0xc3],
        [0xbc, 0x0a],
      ],
      ["aü"],
    ],
    ["bytes that are not UTF-8", [[0x61, 0xff, 0x62, 0x0a]], ["a\ufffdb"]],
    ["a character that breaks off", [[0x61, 0xe2, 0x82]], ["a\ufffd"]],
  ])("%s", (_, chunks, lines) => {
    expect(split(...chunks)).toEqual(lines);
  });

  it("cuts a long line into pieces of 1 Mi, and no character in two", () => {
    const pieces = split(
      `${"x".repeat(longest)}\n`,
      "y".repeat(longest),
      "y".repeat(longest + 1),
      "\n",
      `${"z".repeat(longest - 1)}😀\n`,
    );
    expect(pieces.map((piece) => [piece[0], piece.length])).toEqual([
      ["x", longest],
      ["y", longest],
      ["y", longest],
      ["y", 1],
      ["z", longest - 1],
      ["\ud83d", 2],
    ]);
  });

  it("keeps every line whatever the chunks", () => {
    const text = Array.from({ length: 500 }, (_, index) => "äb€😀".repeat(index % 7) + index).join("\n");
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 7, 64, 1000]) {
      const splitter = new LineSplitter();
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
      expect([...lines, ...splitter.end()].join("\n")).toBe(text);
    }
  });
});
