import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { AppError } from "../../../../src/lib/errors.ts";
import { silentLogger } from "../../../../src/lib/logger.ts";
import { toConnectError } from "../../../../src/server/connect/errors.ts";
import { toCount, toMillis } from "../../../../src/server/connect/wire-numbers.ts";

describe("errors on the wire", () => {
  it.each([
    ["invalid", Code.InvalidArgument],
    ["unauthenticated", Code.Unauthenticated],
    ["forbidden", Code.PermissionDenied],
    ["not_found", Code.NotFound],
    ["conflict", Code.FailedPrecondition],
    ["exhausted", Code.ResourceExhausted],
    ["unavailable", Code.Unavailable],
    ["timeout", Code.DeadlineExceeded],
    ["cancelled", Code.Canceled],
    ["internal", Code.Internal],
  ] as const)("%s has its code", (code, expected) => {
    const error = toConnectError(new AppError(code, "a sentence", new Error("a cause")), silentLogger, "M");
    expect([error.code, error.rawMessage, error.cause]).toEqual([expected, "a sentence", undefined]);
  });

  it("hide what is unexpected, and log it", () => {
    const logged: unknown[] = [];
    const log = { ...silentLogger, error: (fields: unknown) => void logged.push(fields) };
    const error = toConnectError(new TypeError("password=hunter2"), log, "M");
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain("hunter2");
    expect(logged).toHaveLength(1);
  });
});

describe("numbers of the wire", () => {
  it("are whole and not negative", () => {
    expect(toCount(3n, "index")).toBe(3);
    expect(() => toCount(-1n, "index")).toThrow(/index/);
    expect(() => toCount(2n ** 60n, "index")).toThrow(/index/);
  });

  it("give times with a fraction, and null for none", () => {
    const time = (seconds: bigint, nanos: number) =>
      ({ $typeName: "google.protobuf.Timestamp", seconds, nanos }) as const;
    expect(toMillis(time(2n, 1_500_000))).toBe(2001.5);
    expect(toMillis(time(0n, 0))).toBeNull();
    expect(toMillis(undefined)).toBeNull();
  });

  it("give null for a time that no calendar shows", () => {
    const time = (seconds: bigint, nanos = 0) => ({ $typeName: "google.protobuf.Timestamp", seconds, nanos }) as const;
    for (const seconds of [9_000_000_000_000n, -9_000_000_000_000n]) expect(toMillis(time(seconds))).toBeNull();
    const last = toMillis(time(253_402_300_798n, 2_000_000_000)) ?? Number.NaN;
    expect(new Date(last).toISOString()).toBe("9999-12-31T23:59:59.000Z");
  });
});
