import { AppError, type ErrorCode } from "../../lib/errors.ts";
import type { EngineFlavour } from "./engine-flavour.ts";

/** Says what an engine refused, or why it could not be asked. What is an AppError already stays as it is. */
export function engineError(flavour: EngineFlavour, action: string, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const error = thrown as NodeJS.ErrnoException & { statusCode?: number; json?: unknown };
  if (error.name === "AbortError" || error.code === "ABORT_ERR") {
    return new AppError("cancelled", `${flavour.name}: ${action} was cancelled`, thrown);
  }
  if (error.statusCode === undefined) {
    const why = error.code === "EACCES" ? "its socket may not be opened by this user" : "it does not answer";
    return new AppError(
      "unavailable",
      `${flavour.name} was to ${action}, but ${why} (${error.code ?? error.message}): ${flavour.remedy}`,
      thrown,
    );
  }
  return new AppError(
    CODES[error.statusCode] ?? "unavailable",
    `${flavour.name} could not ${action}: ${saidBy(error)}`,
    thrown,
  );
}

/** The status of an answer, undefined when there was none. */
export function statusOf(thrown: unknown): number | undefined {
  const cause = thrown instanceof AppError ? thrown.cause : thrown;
  return (cause as { statusCode?: number } | undefined)?.statusCode;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "forbidden",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
};

function saidBy({ json, message }: { json?: unknown; message: string }): string {
  const body = json as { message?: unknown; cause?: unknown } | undefined;
  return String(typeof body?.message === "string" ? body.message : message)
    .trim()
    .slice(0, 1000);
}
