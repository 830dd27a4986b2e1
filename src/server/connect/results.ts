import { Result } from "../../protocol/messages.ts";
import type { Conclusion } from "../domain/run.ts";

const RESULTS: Readonly<Record<Conclusion, Result>> = {
  success: Result.SUCCESS,
  failure: Result.FAILURE,
  cancelled: Result.CANCELLED,
  skipped: Result.SKIPPED,
};

/** A conclusion on the wire; null is "not ended". */
export function toResult(conclusion: Conclusion | null): Result {
  return conclusion === null ? Result.UNSPECIFIED : RESULTS[conclusion];
}

/** A result of the wire; null for "not ended" and for numbers this server does not know. */
export function fromResult(result: Result): Conclusion | null {
  switch (result) {
    case Result.SUCCESS:
      return "success";
    case Result.FAILURE:
      return "failure";
    case Result.CANCELLED:
      return "cancelled";
    case Result.SKIPPED:
      return "skipped";
    default:
      return null;
  }
}
