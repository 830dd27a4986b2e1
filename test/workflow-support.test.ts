import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

test("docs/reference/workflow-support.md names tests that exist", () => {
  const page = readFileSync(join(root, "docs/reference/workflow-support.md"), "utf8");
  const rows = [...page.matchAll(/^\| .+ \| (.+) \| `(test\/[^`]+)` \|$/gm)];
  expect(rows.length).toBeGreaterThan(40);
  const missing = rows.filter(
    ([, name, file]) => !readFileSync(join(root, file as string), "utf8").includes(`"${name}"`),
  );
  expect(missing.map(([, name, file]) => `${file}: ${name}`)).toEqual([]);
});
