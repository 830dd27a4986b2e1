import { AppError } from "../../lib/errors.ts";

/** A lost race that goes away when the transaction is run again. */
const RETRYABLE = new Set(["ER_LOCK_DEADLOCK", "ER_LOCK_WAIT_TIMEOUT", "ER_CHECKREAD"]);

const DUPLICATE = new Set(["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "ER_DUP_ENTRY"]);

const TOO_LONG = new Set(["ER_DATA_TOO_LONG", "ER_NET_PACKET_TOO_LARGE", "SQLITE_TOOBIG", "ER_WARN_DATA_OUT_OF_RANGE"]);

/** A row that others point to, or that points to nothing. */
const REFERENCE = new Set(["SQLITE_CONSTRAINT_FOREIGNKEY", "ER_NO_REFERENCED_ROW_2", "ER_ROW_IS_REFERENCED_2"]);

const AWAY = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "PROTOCOL_CONNECTION_LOST",
  "PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR",
  "PROTOCOL_SEQUENCE_TIMEOUT",
  "POOL_CLOSED",
  "ER_CON_COUNT_ERROR",
  "ER_SERVER_SHUTDOWN",
  "ER_CLIENT_INTERACTION_TIMEOUT",
  "ER_NORMAL_SHUTDOWN",
  "ER_CONNECTION_KILLED",
  "ER_OPTION_PREVENTS_STATEMENT",
  "ER_DISK_FULL",
]);

/** The code that the driver gave (`SQLITE_BUSY`, `ER_DUP_ENTRY`, `ECONNRESET` …), looked for along the causes. */
export function databaseErrorCode(error: unknown): string | undefined {
  let at: unknown = error;
  for (let depth = 0; depth < 6 && typeof at === "object" && at !== null; depth++) {
    if ("code" in at && typeof at.code === "string" && !(at instanceof AppError)) return at.code;
    at = "driverError" in at && at.driverError !== undefined ? at.driverError : "cause" in at ? at.cause : undefined;
  }
  return undefined;
}

/** Whether the same transaction may succeed when it is run again from its start. */
export function isRetryable(error: unknown): boolean {
  return RETRYABLE.has(databaseErrorCode(error) ?? "");
}

/** Whether the row exists already. */
export function isDuplicate(error: unknown): boolean {
  return DUPLICATE.has(databaseErrorCode(error) ?? "");
}

/** Whether the error ended the transaction, so that nothing that follows in it may count. */
export function endsTransaction(error: unknown): boolean {
  const code = databaseErrorCode(error) ?? "";
  return RETRYABLE.has(code) || isAway(code);
}

function isAway(code: string): boolean {
  return AWAY.has(code) || /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM)/.test(code);
}

/**
 * Turns what TypeORM or a driver threw into an AppError. The one place that knows the engines' codes.
 * The message names no value and no statement: they may hold secrets. The cause goes to the log only.
 */
export function databaseError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = databaseErrorCode(error) ?? "";
  if (DUPLICATE.has(code)) return new AppError("conflict", "a row with the same unique key exists already", error);
  if (REFERENCE.has(code)) {
    return new AppError(
      "conflict",
      "the row belongs to something that does not exist any more, or is still in use",
      error,
    );
  }
  if (TOO_LONG.has(code)) return new AppError("invalid", "a value is too long for the database", error);
  if (RETRYABLE.has(code)) {
    return new AppError("unavailable", "the database is busy with conflicting transactions; try again", error);
  }
  if (code.startsWith("SQLITE_FULL") || code === "ER_DISK_FULL") {
    return new AppError("unavailable", "the disk of the database is full; free some space", error);
  }
  if (isAway(code) || /connection is (in )?closed|pool is closed|connection.*lost/i.test(text(error))) {
    return new AppError(
      "unavailable",
      `the database does not answer (${code || "connection closed"}); try again`,
      error,
    );
  }
  return new AppError(
    "internal",
    `a database statement failed${code === "" ? "" : ` (${code})`}; the log has it`,
    error,
  );
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : "";
}
