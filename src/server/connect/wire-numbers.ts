import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { AppError } from "../../lib/errors.ts";

/** An int64 of the wire as a number. @throws AppError invalid when it is negative or beyond what a number holds */
export function toCount(value: bigint, name: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AppError("invalid", `${name} must be a whole number from 0 on; ${value} is not`);
  }
  return Number(value);
}

/** The years 1 to 9999, as google.protobuf.Timestamp has them; a later time could not even be shown. */
const EARLIEST_S = -62_135_596_800n;
const LATEST_S = 253_402_300_799n;

/**
 * Epoch milliseconds with a fraction; null where the wire has none, only zeros as old runners send them, or a time that
 * cannot be.
 */
export function toMillis(time: Timestamp | undefined): number | null {
  if (time === undefined || (time.seconds === 0n && time.nanos === 0)) return null;
  if (time.seconds < EARLIEST_S || time.seconds >= LATEST_S) return null;
  return Number(time.seconds) * 1000 + Math.min(Math.max(time.nanos, 0), 999_999_999) / 1e6;
}

/** Most tasks that a runner may name in one call. */
const MOST_TASKS = 10_000;

/** Ids of tasks. @throws AppError invalid when there are too many, or one is no id */
export function toTaskIds(values: readonly bigint[], name: string): number[] {
  if (values.length > MOST_TASKS) {
    throw new AppError("invalid", `${name} has ${values.length} entries; ${MOST_TASKS} is the most`);
  }
  return values.map((value) => toCount(value, name));
}
