import { expect, test } from "vitest";
import { formatAge, formatDuration, formatTable } from "../../../src/cli/table.ts";

test("columns are aligned, cells harmless, line ends bare", () => {
  const columns = [
    { heading: "ID", text: (row: { id: number; name: string }) => String(row.id) },
    { heading: "NAME", text: (row: { id: number; name: string }) => row.name },
  ];
  const rows = [
    { id: 1, name: "a" },
    { id: 1234, name: "b\u001b[31m" },
  ];
  expect(formatTable(columns, rows)).toBe("ID    NAME\n1     a\n1234  b\ufffd[31m\n");
  expect(formatTable(columns, [])).toBe("ID  NAME\n");
});

test.each([
  [0, "0.0s"],
  [430, "0.4s"],
  [9_949, "9.9s"],
  [9_950, "10s"],
  [59_600, "1m00s"],
  [312_000, "5m12s"],
  [11_100_000, "3h05m"],
  [172_800_000, "2d"],
])("%i ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("an age needs a time", () => {
  expect(formatAge(null, 5)).toBe("-");
  expect(formatAge("nonsense", 5)).toBe("-");
  expect(formatAge("1970-01-01T00:00:01Z", 31_000)).toBe("30s");
});
