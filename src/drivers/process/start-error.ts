import { stat } from "node:fs/promises";
import { AppError } from "../../lib/errors.ts";

/**
 * Says why a program could not be started. The kernel's ENOENT does not tell whether the program, its interpreter or
 * the folder is missing, so this looks.
 */
export async function startError(spec: { argv: readonly string[]; cwd: string }, cause: unknown): Promise<AppError> {
  const program = spec.argv[0] ?? "";
  const folder = await stat(spec.cwd).catch((error: NodeJS.ErrnoException) => error);
  if (folder instanceof Error) return new AppError("not_found", folderProblem(spec.cwd, folder), cause);
  if (!folder.isDirectory()) return new AppError("invalid", `the working directory ${spec.cwd} is not a folder`, cause);
  switch (errorCode(cause)) {
    case "ENOENT":
      return new AppError(
        "not_found",
        program.includes("/")
          ? `${program} does not exist, or the interpreter in its first line does not`
          : `${program} was not found in PATH; install it or give its full path`,
        cause,
      );
    case "EACCES":
      return new AppError("forbidden", `${program} may not be executed; check its mode and that of its folders`, cause);
    case "E2BIG":
      return new AppError(
        "exhausted",
        `the arguments and environment of ${program} are larger than the system allows`,
        cause,
      );
    case "ERR_INVALID_ARG_VALUE":
      return new AppError("invalid", `an argument or variable of ${program} holds a zero byte; remove it`, cause);
    default:
      return new AppError(
        "unavailable",
        `${program} could not be started (${errorCode(cause) ?? "unknown reason"})`,
        cause,
      );
  }
}

function folderProblem(path: string, error: NodeJS.ErrnoException): string {
  return error.code === "EACCES"
    ? `the working directory ${path} may not be entered; check the modes of its folders`
    : `the working directory ${path} does not exist; make it in an earlier step or correct its name`;
}

function errorCode(cause: unknown): string | undefined {
  return cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
}
