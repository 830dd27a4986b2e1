import { Code, ConnectError } from "@connectrpc/connect";
import { type AppError, type ErrorCode, toAppError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logger.ts";

const CODES: Readonly<Record<ErrorCode, Code>> = {
  invalid: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  not_found: Code.NotFound,
  conflict: Code.FailedPrecondition,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  cancelled: Code.Canceled,
  internal: Code.Internal,
};

/** What a failed call is answered: code and sentence. Causes stay in the log; the unexpected is logged as an error. */
export function toConnectError(thrown: unknown, log: Logger, method: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error: AppError = toAppError(thrown);
  if (error.code === "internal") log.error({ method, err: error.cause ?? error }, "a call failed unexpectedly");
  else if (error.code === "unavailable") log.warn({ method, err: error.cause ?? error }, "a call failed for now");
  else log.debug({ method, code: error.code, message: error.message }, "a call was refused");
  return new ConnectError(error.message, CODES[error.code]);
}
