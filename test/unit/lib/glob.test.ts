import { Minimatch } from "minimatch";
import { describe, expect, it } from "vitest";
import { Glob } from "../../../src/lib/glob.ts";

const TEXTS = [
  ...["", "a", "b", "ab", "ba", "aab", "abab", "a.b", "a-b", "a]", "a*b", "[a", "A", "1", ".a", "@(a", "a)b"],
  ...["/a", "a/b", "a/b/c", "a/.b/c", "a/x/y/b", "ab/b", "a/aab/b", "a/bb"],
];

describe("a glob means what minimatch makes of it", () => {
  const options = { dot: true, nobrace: true, nocomment: true, nonegate: true } as const;
  it.each([
    ...[
      "a",
      "*",
      "?",
      "??",
      "a*",
      "*a",
      "*a*b",
      "***",
      "a?b",
      "a\\*b",
      "[ab]",
      "[!a]",
      "[^a]b",
      "a[]]",
      "[a-b]*",
      "[a",
    ],
    ...["[[:alpha:]]", "[[:digit:]]", "a[.]b", "a[-.]b", "a[x/]b"],
    ...[
      "a/*",
      "a/**",
      "**",
      "**/b",
      "a/**/b",
      "a/**/c",
      "**/*b",
      "**/a*/**",
      "a/*/b",
      "*/b",
      "/*",
      "a/**b",
      "a/**/**/b",
    ],
  ])("%s", (pattern) => {
    const expected = new Minimatch(pattern, { ...options, noext: true });
    const glob = new Glob(pattern);
    expect(TEXTS.filter((text) => glob.matches(text))).toEqual(TEXTS.filter((text) => expected.match(text)));
  });

  it.each([
    ...["@(a|b)", "?(a)b", "*(a|b)", "+(ab)", "+(a|b)a", "!(a)", "!(a|b)", "!(a)b", "!(a*)", "x@(a|b)", "@(a*|b)b"],
    ...["@(a", "a)b", "*(a)*(b)", "+(a)?", "@(|a)b"],
  ])("with groups: %s", (pattern) => {
    const names = TEXTS.filter((text) => !text.includes("/") && text !== "");
    const expected = new Minimatch(pattern, options);
    const glob = new Glob(pattern, { groups: true });
    expect(names.filter((text) => glob.matches(text))).toEqual(names.filter((text) => expected.match(text)));
  });
});

it("means what is below as well when it is told so", () => {
  const glob = new Glob("a*/b", { descendants: true });
  expect(["a/b", "ax/b/c/d", "a", "a/bc", "x/a/b"].map((path) => glob.matches(path))).toEqual([
    ...[true, true, false, false, false],
  ]);
});

it("has no group within a group, which could take too long", () => {
  expect(() => new Glob("+(a|*(b))", { groups: true })).toThrow("group within a group");
});

// each of them would take a regular expression longer than a life
it.each([
  "*a".repeat(60),
  "**/*a".repeat(60),
  "[a]*".repeat(60),
  "+(a|aa)".repeat(30),
  "*(a*|*a)".repeat(10),
  "!(*a*b)".repeat(20),
])("ends for any pattern: %s", (pattern) => {
  expect(new Glob(`${pattern}b`, { groups: true }).matches(`${"a".repeat(254)}c`)).toBe(false);
});
