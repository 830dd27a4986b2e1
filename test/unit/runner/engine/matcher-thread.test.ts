import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { MatcherThread } from "../../../../src/runner/engine/matcher-thread.ts";

describe("MatcherThread", () => {
  let removed: string[];
  let thread: MatcherThread;
  const matcher = (owner: string, regexp: string) => ({ owner, pattern: [{ regexp, message: 1 }] });

  beforeEach(() => {
    removed = [];
    thread = new MatcherThread({ clock: systemClock, removed: (owner) => void removed.push(owner), limitMs: 200 });
  });

  afterEach(() => thread[Symbol.asyncDispose]());

  it("does nothing without matchers", async () => {
    expect(thread.active).toBe(false);
    expect(await thread.match("x")).toBeUndefined();
  });

  it("the newest is asked first; the same owner replaces; colours are no part of a line", async () => {
    await thread.add([matcher("a", "^(old.*)"), matcher("b", "^(.*)-b")]);
    await thread.add([matcher("c", "^o(l.*)")]);
    expect(await thread.match("old")).toEqual({ message: "ld" });
    await thread.add([matcher("C", "^nothing()")]);
    expect(await thread.match("\x1b[1;31mold\x1b[0m")).toEqual({ message: "old" });
    await thread.remove("A");
    expect(await thread.match("old")).toBeUndefined();
    expect(await thread.match("x-b")).toEqual({ message: "x" });
  });

  it("a regular expression without an end goes after its third time; the others stay", async () => {
    await thread.add([matcher("good", "^(a+b?)$"), matcher("bad", "^((a+)+)$")]);
    const evil = `${"a".repeat(40)}!`;
    for (let count = 0; count < 3; count += 1) expect(await thread.match(evil)).toBeUndefined();
    expect(removed).toEqual(["bad"]);
    expect(await thread.match("aab")).toEqual({ message: "aab" });
    expect(await thread.match(evil)).toBeUndefined();
  });
});
