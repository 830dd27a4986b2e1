import { describe, expect, it } from "vitest";
import { decodeCommandFile, parseKeyValueFile, parsePathFile } from "../../../../src/runner/engine/key-value-file.ts";

describe("parseKeyValueFile", () => {
  it.each<[string, string, [string, string][]]>([
    ["nothing", "", []],
    ["a line", "A=1\n", [["A", "1"]]],
    ["the first = decides", "A=b=c\n", [["A", "b=c"]]],
    ["<< after =", "A=b<<c\n", [["A", "b<<c"]]],
    ["an empty value", "A=\n", [["A", ""]]],
    ["no last line end", "A=1", [["A", "1"]]],
    [
      "blank lines",
      "\nA=1\n\nB=2\n\n",
      [
        ["A", "1"],
        ["B", "2"],
      ],
    ],
    [
      "CRLF",
      "A=1\r\nB<<E\r\nx\r\nE\r\n",
      [
        ["A", "1"],
        ["B", "x"],
      ],
    ],
    ["several lines", "A<<EOF\none\n\ntwo\nEOF\n", [["A", "one\n\ntwo"]]],
    ["= in the lines", "A<<EOF\nx=y\nEOF\n", [["A", "x=y"]]],
    ["no lines", "A<<EOF\nEOF\n", [["A", ""]]],
    ["the delimiter exactly", "A<<EOF\n EOF\nEOF\n", [["A", " EOF"]]],
    ["= in the delimiter", "A<<E=F\nx\nE=F\n", [["A", "x"]]],
    ["blanks are kept", "A= x \n", [["A", " x "]]],
  ])("reads %s", (_, text, entries) => {
    expect(parseKeyValueFile(text)).toEqual({ ok: true, entries });
  });

  it.each([
    ["neither form", "hello\n", "neither"],
    ["no name", "=1\n", "name"],
    ["no name before <<", "<<EOF\nx\nEOF\n", "name"],
    ["no delimiter", "A<<\nx\n", "delimiter"],
    ["the end is missing", "A<<EOF\nx\n", "EOF"],
  ])("refuses %s", (_, text, word) => {
    const parsed = parseKeyValueFile(text);
    expect(parsed.ok ? "" : parsed.message).toContain(word);
  });

  it("reads what PowerShell 5 writes", () => {
    expect(decodeCommandFile(Buffer.from("\ufeffA=ä", "utf16le"))).toBe("A=ä");
    expect(decodeCommandFile(Buffer.from("\ufeffA=ä", "utf8"))).toBe("A=ä");
  });

  it("reads a path file", () => {
    expect(parsePathFile("/a\r\n\n/b\n")).toEqual(["/a", "/b"]);
  });
});
