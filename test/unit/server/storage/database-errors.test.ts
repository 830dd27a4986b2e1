import { expect, test } from "vitest";
import { AppError } from "../../../../src/lib/errors.ts";
import {
  databaseError,
  databaseErrorCode,
  endsTransaction,
  isDuplicate,
  isRetryable,
} from "../../../../src/server/storage/database-errors.ts";

const driver = (code: string, message = "INSERT INTO secret VALUES ('hunter2')") =>
  Object.assign(new Error("query failed"), { driverError: Object.assign(new Error(message), { code }) });

test.each([
  ["SQLITE_CONSTRAINT_UNIQUE", "conflict"],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", "conflict"],
  ["ER_DUP_ENTRY", "conflict"],
  ["SQLITE_CONSTRAINT_FOREIGNKEY", "conflict"],
  ["ER_NO_REFERENCED_ROW_2", "conflict"],
  ["ER_DATA_TOO_LONG", "invalid"],
  ["ER_LOCK_DEADLOCK", "unavailable"],
  ["ER_LOCK_WAIT_TIMEOUT", "unavailable"],
  ["ECONNREFUSED", "unavailable"],
  ["PROTOCOL_CONNECTION_LOST", "unavailable"],
  ["SQLITE_BUSY_SNAPSHOT", "unavailable"],
  ["SQLITE_IOERR_FSYNC", "unavailable"],
  ["SQLITE_FULL", "unavailable"],
  ["ER_PARSE_ERROR", "internal"],
])("%s becomes %s and shows no value", (code, expected) => {
  const error = databaseError(driver(code));
  expect(error.code).toBe(expected);
  expect(error.message).not.toContain("hunter2");
  expect(databaseErrorCode(error)).toBe(code);
});

test("an AppError stays as it is; something without a code is internal", () => {
  const given = new AppError("not_found", "no");
  expect(databaseError(given)).toBe(given);
  expect(databaseError(new Error("what")).code).toBe("internal");
  expect(databaseError(new Error("Can't add new command when connection is in closed state")).code).toBe("unavailable");
  expect(databaseErrorCode("text")).toBeUndefined();
});

test("what may be tried again and what ends a transaction is known through the causes", () => {
  expect(isRetryable(databaseError(driver("ER_LOCK_DEADLOCK")))).toBe(true);
  expect(isRetryable(databaseError(driver("ECONNRESET")))).toBe(false);
  expect(isRetryable(new Error("x"))).toBe(false);
  expect(isDuplicate(databaseError(driver("ER_DUP_ENTRY")))).toBe(true);
  expect(endsTransaction(driver("ER_LOCK_DEADLOCK"))).toBe(true);
  expect(endsTransaction(driver("SQLITE_FULL"))).toBe(true);
  expect(endsTransaction(driver("ER_DUP_ENTRY"))).toBe(false);
});
