import type { JsonValue } from "./json.ts";

/**
 * What went wrong, as a closed set. Each edge (connect, rest, cli) maps these in one table.
 *
 * - `invalid`: the request or the input is wrong; repeating it cannot help
 * - `unauthenticated`: the credential is missing or wrong (never used for a passing fault: stock runners quit on it)
 * - `forbidden`: the credential is good, but does not allow this
 * - `not_found`: the thing does not exist, or the caller may not know of it
 * - `conflict`: the thing is in a state that does not allow this
 * - `exhausted`: a limit was hit; try later or ask for less
 * - `unavailable`: a part that is needed is away for now
 * - `timeout`: it took longer than allowed
 * - `cancelled`: the caller gave up
 * - `internal`: a programming error
 */
export type ErrorCode =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "exhausted"
  | "unavailable"
  | "timeout"
  | "cancelled"
  | "internal";

/** The one error class of the project: a code, a sentence for people, and a cause that only goes to logs. */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Data that goes to the caller beside the sentence, such as the positions of mistakes in a file; never a secret. */
  readonly details?: JsonValue;

  /**
   * @param code what kind of failure it is
   * @param message one sentence: what happened, to which thing, and what to do; never holds a secret
   * @param cause the underlying error, for logs only
   * @param details data for the caller beside the sentence
   */
  constructor(code: ErrorCode, message: string, cause?: unknown, details?: JsonValue) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AppError";
    this.code = code;
    if (details !== undefined) this.details = details;
  }
}

/** Turns anything thrown into an AppError; what is not one yet becomes `internal` with a neutral message. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Error && thrown.name === "AbortError")
    return new AppError("cancelled", "the operation was cancelled", thrown);
  return new AppError("internal", "an unexpected error happened; the server's log has the details", thrown);
}

/** Text of anything thrown, for logs and for the `cause` of a message. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
