import { expect, test } from "vitest";
import { makeColours } from "../../../src/cli/colours.ts";
import { JobLines } from "../../../src/cli/job-lines.ts";
import { parseLogRow, renderLogRow } from "../../../src/cli/render-log-line.ts";

const plain = makeColours(false);
const render = (row: string) => renderLogRow(parseLogRow(row), plain);

test.each([
  ["hello", ["hello"]],
  ["##[group]Run npm test", ["> Run npm test"]],
  ["::group::Install", ["> Install"]],
  ["##[endgroup]", []],
  ["::endgroup::", []],
  ["##[command]git fetch", ["$ git fetch"]],
  ["##[error]Process completed with exit code 3.", ["error: Process completed with exit code 3."]],
  ["::error file=a.ts,line=3,col=7::no such%0Aname 100%25", ["error: a.ts:3:7: no such", "name 100%"]],
  ["::warning::careful", ["warning: careful"]],
  ["::warning title=A::careful: very", ["warning: careful: very"]],
  ["::notice file=src/x:y.c::hm", ["notice: src/x:y.c: hm"]],
  ["::unknown::x", ["::unknown::x"]],
  ["\u001b[32mgreen\u001b[0m", ["green"]],
])("%j", (row, lines) => {
  expect(render(row)).toEqual(lines);
});

test("colours do not leak into the next line", () => {
  expect(renderLogRow(parseLogRow("\u001b[32mgreen"), makeColours(true))).toEqual(["\u001b[32mgreen\u001b[0m"]);
});

test("lines of jobs are aligned and names are harmless", () => {
  const lines: string[] = [];
  const output = new JobLines({ write: (text) => lines.push(text) }, plain);
  output.announce(["build", "test (20)"]);
  output.row("build", "one");
  output.row("test (20)", "##[group]g");
  output.row("test (20)", "in");
  output.row("test (20)", "##[endgroup]");
  output.row("test (20)", "");
  output.remark("evil\u001b[2J", "success", plain.green);
  expect(lines).toEqual([
    "build     | one\n",
    "test (20) | > g\n",
    "test (20) |   in\n",
    "test (20) |\n",
    "evil\ufffd[2J  | * success\n",
  ]);
});
