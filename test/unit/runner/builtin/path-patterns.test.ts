import { describe, expect, it } from "vitest";
import { commonFolder, PathPatterns } from "../../../../src/runner/builtin/path-patterns.ts";

const read = (text: string, descendants = true) =>
  new PathPatterns(
    text.split("\n").map((line) => line.trim()),
    { workspace: "/ws", home: "/home/me", descendants },
  );

describe("the paths of an artifact mean what is below them as well", () => {
  it.each([
    ["out", "/ws/out/a/b", true],
    ["out", "/ws/out", true],
    ["out", "/ws/outer", false],
    ["out/", "/ws/out", false],
    ["out/", "/ws/out/x", true],
    ["./out", "/ws/out/x", true],
    ["/abs/*.txt", "/abs/a.txt", true],
    ["/abs/*.txt", "/abs/deep/a.txt", false],
    ["/abs/**/*.txt", "/abs/deep/er/a.txt", true],
    ["/abs/**", "/abs/deep/er/a.txt", true],
    ["*", "/ws/.hidden", true],
    ["?.log", "/ws/ab.log", false],
    ["[ab].log", "/ws/b.log", true],
    ["{a,b}.log", "/ws/a.log", false],
    ["~/.npm", "/home/me/.npm/x", true],
    ["out\n!out/**/*.tmp", "/ws/out/deep/x.tmp", false],
    ["out\n!out/**/*.tmp", "/ws/out/deep/x.txt", true],
    ["out\n!out/deep", "/ws/out/deep/x", false],
    ["out\n!out/deep\nout/deep/keep", "/ws/out/deep/keep", true],
    ["# out\nin", "/ws/# out", false],
  ])("%j, %s: %s", (text, path, wanted) => {
    expect(read(text).matches(path)).toBe(wanted);
  });
});

it.each([
  ["out", ["/ws/out"], 0],
  ["out\nout/deep\nother", ["/ws/out", "/ws/other"], 1],
  ["out/*/x", ["/ws/out"], 2],
  ["**/node_modules", ["/ws"], undefined],
  ["a[1]/[[]x]", ["/ws/a1/[x]"], 0],
  ["!out", [], undefined],
])("searches for %j from %j, so many levels deep: %s", (text, roots, depth) => {
  const patterns = read(text, false);
  expect([patterns.roots, patterns.depth]).toEqual([roots, depth]);
});

it("knows the folder that paths have in common", () => {
  expect(commonFolder(["/a/b/c", "/a/b/d"])).toBe("/a/b");
  expect(commonFolder(["/a/b/c"])).toBe("/a/b/c");
  expect(commonFolder(["/a/b", "/a/bc"])).toBe("/a");
  expect(commonFolder(["/a", "/b"])).toBe("/");
});

it("takes names of the workspace as they are", () => {
  const patterns = new PathPatterns(["*.txt"], { workspace: "/w[s]*", home: undefined, descendants: true });
  expect(patterns.roots).toEqual(["/w[s]*"]);
  expect(patterns.matches("/w[s]*/a.txt")).toBe(true);
  expect(patterns.matches("/wsx/a.txt")).toBe(false);
});

it("is done with any pattern and any name", () => {
  const patterns = read(`${"*a".repeat(40)}b\n${"**/*a".repeat(40)}b`);
  expect(patterns.matches(`/ws/${"a".repeat(255)}`)).toBe(false);
});
