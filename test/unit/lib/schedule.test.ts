import { describe, expect, it } from "vitest";
import { parseSchedule } from "../../../src/lib/schedule.ts";

const at = (text: string) => new Date(text).getTime();
const nextAfter = (schedule: string, time: string) => {
  const next = parseSchedule(schedule)?.next(at(time)) ?? Number.NaN;
  return Number.isFinite(next) ? next : "never";
};

describe("schedules", () => {
  it.each([
    ["* * * * *", "2026-03-01T10:20:30", "2026-03-01T10:21"],
    ["5 * * * *", "2026-03-01T10:05:00", "2026-03-01T11:05"],
    ["0 3 * * *", "2026-03-01T03:00:00", "2026-03-02T03:00"],
    ["*/15 8-17 * * mon-fri", "2026-03-06T17:45:00", "2026-03-09T08:00"],
    ["0 0 1 1 *", "2026-03-01T00:00:00", "2027-01-01T00:00"],
    ["0 0 29 feb *", "2026-03-01T00:00:00", "2028-02-29T00:00"],
    ["0 0 13 * 5", "2026-03-01T00:00:00", "2026-03-06T00:00"],
    ["0 0 * * 7", "2026-03-01T00:00:00", "2026-03-08T00:00"],
    ["10,50 0 * * *", "2026-03-01T00:10:00", "2026-03-01T00:50"],
    ["30/10 1 * * *", "2026-03-01T01:30:00", "2026-03-01T01:40"],
    ["@midnight", "2026-12-31T00:00:00", "2027-01-01T00:00"],
    ["@Hourly", "2026-03-01T10:20:30", "2026-03-01T11:00"],
  ])("%s after %s is %s", (schedule, time, next) => {
    expect(nextAfter(schedule, time)).toBe(at(next));
  });

  it("a day that never comes is never", () => {
    expect(nextAfter("0 0 30 2 *", "2026-03-01T00:00:00")).toBe("never");
  });

  it("@every falls on whole multiples, so that several servers agree", () => {
    const schedule = parseSchedule("@every 5m");
    expect([0, 1, 299_999, 300_000].map((time) => schedule?.next(time))).toEqual([
      ...[300_000, 300_000, 300_000],
      600_000,
    ]);
  });

  it.each([
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "5-1 * * * *",
    "*/0 * * * *",
  ])('"%s" is none', (text) => {
    expect(parseSchedule(text)).toBeUndefined();
  });

  it.each(["@every", "@every 0s", "@every x", "@reboot", "a * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "-1 * * * *"])(
    '"%s" is none either',
    (text) => {
      expect(parseSchedule(text)).toBeUndefined();
    },
  );
});
