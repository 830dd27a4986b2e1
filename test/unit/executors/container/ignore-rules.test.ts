import { expect, it } from "vitest";
import { IgnoreRules } from "../../../../src/executors/container/ignore-rules.ts";

it.each([
  ["secret*", "secret.txt", true],
  ["secret*", "sub/secret.txt", false],
  ["secret*\n!secret-kept", "secret-kept", false],
  ["!a\na", "a", true],
  ["**/deep", "sub/deep/file", true],
  ["**/deep", "deep", true],
  ["**deep", "sub/deep", true],
  ["/out/", "out/a/b", true],
  ["out", "outer", false],
  ["./a/../b", "b/x", true],
  ["*/temp?", "x/temp1/y", true],
  ["*/temp?", "temp1", false],
  ["[a-c].txt", "b.txt", true],
  ["\\*.txt", "a.txt", false],
  ["  a  \r\nb", "a", true],
  ["# a\n\n!", "# a", false],
  ["**", "any/thing", true],
  ["NAME", "name", false],
  ["(a+)+", "aa", false],
  ["a(", "a(", true],
])("%j, %s: %s", (text, path, ignored) => {
  expect(new IgnoreRules(text).ignores(path)).toBe(ignored);
});

it("ends for any line", () => {
  const path = `${"a".repeat(254)}c`;
  expect(new IgnoreRules(`${"*a".repeat(100)}b\n${"**/*a".repeat(100)}b\n(a+)+b`).ignores(path)).toBe(false);
});

it("refuses more rules than can be asked for each file", () => {
  expect(() => new IgnoreRules("a\n".repeat(10_000))).toThrow(".dockerignore is longer than 16384 characters");
  expect(new IgnoreRules("# a\n".repeat(10_000)).ignores("a")).toBe(false);
});
