import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { ask } from "../../../src/cli/prompt.ts";

function terminal(...lines: string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const shown: string[] = [];
  // A person types a line after each question.
  const stderr = {
    write: (text: string) => {
      shown.push(text);
      if (text.endsWith(": ")) setImmediate(() => (lines.length > 0 ? stdin.write(`${lines.shift()}\r`) : stdin.end()));
    },
  };
  return { context: { stdin, stderr }, shown: () => shown.join("") };
}

test("an empty answer means the default", async () => {
  expect(await ask({ text: "Name", default: "box" }, terminal("").context)).toBe("box");
});

test("it asks again until the answer passes", async () => {
  const { context, shown } = terminal("", "x");
  expect(await ask({ text: "Token", check: (text) => (text === "" ? "A token is needed." : undefined) }, context)).toBe(
    "x",
  );
  expect(shown()).toContain("A token is needed.");
});

test("a secret is not echoed", async () => {
  const { context, shown } = terminal("s3cret");
  expect(await ask({ text: "Token", secret: true }, context)).toBe("s3cret");
  expect(shown()).not.toContain("s3cret");
  expect(shown()).toBe("Token: \n");
});

test("the end of input is a cancel", async () => {
  await expect(ask({ text: "Name" }, terminal().context)).rejects.toMatchObject({ code: "cancelled" });
});
