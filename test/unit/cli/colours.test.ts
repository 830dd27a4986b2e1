import { expect, test } from "vitest";
import { wantsColours } from "../../../src/cli/colours.ts";

const terminal = { write: () => {}, isTTY: true };
const pipe = { write: () => {} };

test.each([
  [{}, terminal, true],
  [{}, pipe, false],
  [{ NO_COLOR: "1" }, terminal, false],
  [{ NO_COLOR: "" }, terminal, true],
  [{ TERM: "dumb" }, terminal, false],
  [{ FORCE_COLOR: "1", NO_COLOR: "1" }, pipe, true],
  [{ FORCE_COLOR: "0" }, terminal, false],
])("%j", (env, output, wanted) => {
  expect(wantsColours(env, output)).toBe(wanted);
});
