import { expect, test } from "vitest";
import { plainText, sanitize, terminalText } from "../../../src/cli/sanitize.ts";

test("names lose everything that a terminal would obey", () => {
  expect(sanitize("a\u001b]0;title\u0007b\nc\u009b31m\u202e")).toBe("a\ufffd]0;title\ufffdb\ufffdc\ufffd31m\ufffd");
  expect(sanitize("tab\tand é 漢字 🎉")).toBe("tab\tand é 漢字 🎉");
});

test("a log line for a pipe has no escape sequence left", () => {
  expect(plainText("\u001b[1;31mred\u001b[0m \u001b[2Kcleared \u001b]8;;http://x\u0007link\u001b]8;;\u0007")).toBe(
    "red cleared link",
  );
});

test("a log line for a terminal keeps colours and loses the rest", () => {
  expect(terminalText("\u001b[31mred\u001b[0m\u001b[2J\u001b]52;c;aGk=\u0007\u001bc!")).toBe("\u001b[31mred\u001b[0m!");
  expect(terminalText("cut \u001b[31")).toBe("cut 31");
});
