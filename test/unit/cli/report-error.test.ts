import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { reportError } from "../../../src/cli/report-error.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { AppError } from "../../../src/lib/errors.ts";
import { testContext } from "./support.ts";

function report(thrown: unknown, env: Record<string, string> = {}) {
  const { context, err } = testContext({ env });
  return { code: reportError(thrown, context), text: err() };
}

test.each([
  [new AppError("not_found", "no run 3: look with runs list"), 1, "act-runner-ts: no run 3: look with runs list\n"],
  [new AppError("cancelled", "interrupted"), 130, "act-runner-ts: interrupted\n"],
  [new UsageError("--repo is missing: add it"), 2, "act-runner-ts: --repo is missing: add it\n"],
  [
    new CommanderError(1, "commander.unknownOption", "error: unknown option '--flow'\n(Did you mean --follow?)"),
    2,
    "act-runner-ts: unknown option '--flow': did you mean --follow?\n",
  ],
  [new CommanderError(0, "commander.helpDisplayed", "(outputHelp)"), 0, ""],
  [new AppError("internal", "evil \u001b[2J name"), 1, "act-runner-ts: evil \ufffd[2J name\n"],
])("%s", (thrown, code, text) => {
  expect(report(thrown)).toEqual({ code, text });
});

test("an unexpected error says how to see more", () => {
  expect(report(new TypeError("x is not a function"))).toMatchObject({
    code: 1,
    text: expect.stringContaining("DEBUG=*"),
  });
});

test("DEBUG shows the stacks of the causes", () => {
  const { text } = report(new AppError("internal", "outer", new Error("inner")), { DEBUG: "*" });
  expect(text).toMatch(/AppError: outer[\s\S]*Error: inner/);
  const { text: hostile } = report(new AppError("internal", "evil \u001b[2J name"), { DEBUG: "*" });
  expect(hostile).not.toContain("\u001b");
  expect(hostile.split("\n").length).toBeGreaterThan(3);
});
