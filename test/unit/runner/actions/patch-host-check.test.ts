import { expect, it } from "vitest";
import { patchHostCheck } from "../../../../src/runner/actions/patch-host-check.ts";

it.each([
  ["const isLocalHost = hostname.endsWith('.LOCALHOST');", 'const isLocalHost = hostname.endsWith("");'],
  ['a=h.endsWith(".LOCALHOST")||x', 'a=h.endsWith("")||x'],
  ["'.LOCALHOST' is a name", "'.LOCALHOST' is a name"],
  ["é endsWith('.localhost') \u{1f600}", "é endsWith('.localhost') \u{1f600}"],
  ["é.endsWith('.LOCALHOST') \u{1f600}", 'é.endsWith("") \u{1f600}'],
])("patches %s", (source, expected) => {
  expect(patchHostCheck(Buffer.from(source)).toString()).toBe(expected);
});
