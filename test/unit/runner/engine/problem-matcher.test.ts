import { describe, expect, it } from "vitest";
import { matchAnnotation } from "../../../../src/runner/engine/matcher-annotation.ts";
import { parseMatchers } from "../../../../src/runner/engine/matcher-file.ts";
import { ProblemMatcher } from "../../../../src/runner/engine/problem-matcher.ts";

const file = (...problemMatcher: unknown[]) => JSON.stringify({ problemMatcher });
const one = (matcher: object) => {
  const [definition] = parseMatchers(file({ owner: "x", ...matcher }), "x.json");
  if (definition === undefined) throw new Error("no matcher");
  return new ProblemMatcher(definition);
};

describe("parseMatchers", () => {
  it.each([
    ["{", "it is not JSON"],
    ["{}", "problemMatcher"],
    [file({ owner: "", pattern: [{ regexp: "a", message: 0 }] }), "owner"],
    [file({ owner: "x", pattern: [] }), "pattern"],
    [file({ owner: "x", pattern: [{ message: 1 }] }), "regexp"],
    [file({ owner: "x", pattern: [{ regexp: "(", message: 1 }] }), "cannot be read"],
    [file({ owner: "x", pattern: [{ regexp: "a", file: 1 }] }), "sets the message"],
    [
      file({
        owner: "x",
        pattern: [
          { regexp: "a", file: 1 },
          { regexp: "b", file: 1, message: 2 },
        ],
      }),
      "two patterns of 'x' set file",
    ],
    [file({ owner: "x", pattern: [{ regexp: "a", message: 1, loop: true }] }), "only the last of several"],
    [
      file({
        owner: "x",
        pattern: [
          { regexp: "a", loop: true },
          { regexp: "b", message: 1 },
        ],
      }),
      "only the last of several",
    ],
    [
      file({
        owner: "x",
        pattern: [
          { regexp: "a", message: 1 },
          { regexp: "b", loop: true },
        ],
      }),
      "has to set the message",
    ],
    [file({ owner: "x", severity: "bad", pattern: [{ regexp: "a", message: 1 }] }), "severity"],
    [
      file(
        { owner: "x", pattern: [{ regexp: "a", message: 1 }] },
        { owner: "X", pattern: [{ regexp: "a", message: 1 }] },
      ),
      "twice",
    ],
  ])("refuses %j", (source, words) => {
    expect(() => parseMatchers(source, "x.json")).toThrow(words);
  });
});

describe("ProblemMatcher", () => {
  it("a single pattern", () => {
    const matcher = one({
      severity: "warning",
      pattern: [{ regexp: "^(.+):(\\d+):(\\d*) (\\w+): (.*)$", file: 1, line: 2, column: 3, code: 4, message: 5 }],
    });
    expect(matcher.match("nothing")).toBeUndefined();
    expect(matcher.match("a.c:3: E1:  too long ")).toEqual({
      ...{ severity: "warning", file: "a.c", line: "3", code: "E1", message: "too long" },
    });
  });

  it("several patterns, one line each, in a row", () => {
    const matcher = one({
      pattern: [{ regexp: "^error: (.*)$", message: 1 }, { regexp: "^ +at$" }, { regexp: "^ +--> (.*)$", file: 1 }],
    });
    expect(["error: bad", " at", " --> f"].map((line) => matcher.match(line))).toEqual([
      undefined,
      undefined,
      { message: "bad", file: "f" },
    ]);
    // a line in between breaks it, and a new beginning replaces the old
    expect(["error: bad", "x", " at", " --> f"].map((line) => matcher.match(line))).toEqual(Array(4).fill(undefined));
    expect(["error: one", "error: two", " at", " --> f"].map((line) => matcher.match(line)).at(-1)).toEqual({
      message: "two",
      file: "f",
    });
  });

  it("a last pattern that loops", () => {
    const matcher = one({
      pattern: [
        { regexp: "^([^\\s].*)$", file: 1 },
        { regexp: "^\\s+(\\d+) (\\w+) (.*)$", line: 1, severity: 2, message: 3, loop: true },
      ],
    });
    expect(["f.js", "  1 error A", "  2 warning B", "", "  3 error C"].map((line) => matcher.match(line))).toEqual([
      undefined,
      { file: "f.js", line: "1", severity: "error", message: "A" },
      { file: "f.js", line: "2", severity: "warning", message: "B" },
      undefined,
      undefined,
    ]);
  });

  it("forgets on reset", () => {
    const matcher = one({ pattern: [{ regexp: "^a$" }, { regexp: "^(b)$", message: 1 }] });
    matcher.match("a");
    matcher.reset();
    expect(matcher.match("b")).toBeUndefined();
  });
});

describe("matchAnnotation", () => {
  const place = { workspace: "/w", platform: "linux", exists: async (path: string) => path !== "/w/none" } as const;

  it.each([
    [
      { file: "a.c", message: "m", line: "1", column: "2", code: "E" },
      { level: "error", file: "a.c", message: "m", line: 1, column: 2, title: "E" },
    ],
    [
      { file: "/w/a.c", message: "m", severity: "Warning" },
      { level: "warning", file: "a.c", message: "m" },
    ],
    [
      { file: "a.c", fromPath: "sub/x.csproj", message: "m" },
      { level: "error", file: "sub/a.c", message: "m" },
    ],
    [
      { file: "none", message: "m", line: "3" },
      { level: "error", message: "m", line: 3 },
    ],
    [
      { file: "../etc/passwd", message: "m" },
      { level: "error", message: "m" },
    ],
    [
      { file: "/etc/passwd", message: "m", line: "x", column: "2" },
      { level: "error", message: "m" },
    ],
    [{ message: "m", severity: "hint" }, undefined],
    [{ file: "a.c" }, undefined],
  ])("%j", async (match, expected) => {
    expect(await matchAnnotation(match, place)).toEqual(expected);
  });
});
