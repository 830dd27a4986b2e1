import { Code, ConnectError } from "@connectrpc/connect";
import { UNREGISTERED_RUNNER } from "../protocol/headers.ts";

/**
 * What a failed call means.
 *
 * - `unregistered`: the server no longer knows this runner; repeating cannot help
 * - `unimplemented`: the server (or a proxy's 404) does not have the method
 * - `passing`: everything else; try again later
 */
export type CallFailure = "unregistered" | "unimplemented" | "passing";

/**
 * Reads the error of a call. Only the sentence tells that a runner is unknown: Gitea up to 1.27 sends it as `unknown`
 * with HTTP 500, and a proxy's 401 or a database that is down must not end a runner.
 */
export function classifyCallError(error: unknown): CallFailure {
  if (!(error instanceof ConnectError)) return "passing";
  if (error.rawMessage.includes(UNREGISTERED_RUNNER)) return "unregistered";
  return error.code === Code.Unimplemented ? "unimplemented" : "passing";
}

/**
 * Whether the server has put the log away and takes no more rows: Forgejo says so by the code, Gitea by the sentence
 * alone (`unknown`, HTTP 500).
 */
export function isLogClosed(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return false;
  return error.code === Code.AlreadyExists || error.rawMessage.includes("log file has been archived");
}

/** Whether the call ended because its own deadline passed. */
export function isDeadline(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.DeadlineExceeded;
}

/** Whether a proxy before the server does not take a message of that length. */
export function isTooLarge(error: unknown): boolean {
  // Connect gives the status of an answer that is not Connect's own by this sentence only.
  return error instanceof ConnectError && error.rawMessage === "HTTP 413";
}
