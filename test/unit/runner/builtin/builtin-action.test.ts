import { expect, it } from "vitest";
import { builtinAction } from "../../../../src/runner/builtin/builtin-action.ts";

it.each([
  ["actions/checkout@v4", true],
  ["actions/checkout@main", true],
  ["https://github.com/actions/checkout@v4", true],
  ["Actions/Checkout@v4", true],
  ["actions/checkout-more@v4", false],
  ["actions/checkout/sub@v4", false],
  ["other/checkout@v4", false],
  ["./actions/checkout", false],
  ["actions/upload-artifact@v4", true],
  ["actions/upload-artifact@v3", false],
  ["actions/upload-artifact@v3.1.2", false],
  ["actions/upload-artifact@v30", true],
  ["actions/upload-artifact/merge@v4", false],
  ["https://code.example/actions/download-artifact@v2", false],
  ["actions/download-artifact@v8", true],
  ["actions/cache@v3", true],
  ["actions/cache/restore@v4", true],
  ["actions/cache/save@v5", true],
  ["actions/constructor@v1", false],
])("%s is built in: %s", async (uses, expected) => {
  expect((await builtinAction(uses, "linux")) !== undefined).toBe(expected);
});

it("only the checkout is built in on Windows", async () => {
  expect(await builtinAction("actions/checkout@v4", "win32")).toBeDefined();
  expect(await builtinAction("actions/cache@v4", "win32")).toBeUndefined();
});
