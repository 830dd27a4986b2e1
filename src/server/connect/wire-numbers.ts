import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { AppError } from "../../lib/errors.ts";

/** An int64 of the wire as a number. @throws AppError invalid when it is negative or beyond what a number holds */
export function toCount(value: bigint, name: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AppError("invalid", `${name} must be a whole number from 0 on; ${value} is not`);
  }
  return Number(value);
}

/** Epoch milliseconds with a fraction; null where the wire has none, or only zeros as old runners send them. */
export function toMillis(time: Timestamp | undefined): number | null {
  if (time === undefined || (time.seconds === 0n && time.nanos === 0)) return null;
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}
