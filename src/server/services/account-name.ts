import { AppError } from "../../lib/errors.ts";

/** First path segments that the server itself uses; an account of that name could not be reached by git. */
const RESERVED = new Set(["api", "assets", "healthz", "readyz", "metrics", "twirp", "user", "orgs", "repos", "login"]);

/**
 * Checks the name of an account or of a repository.
 * @throws AppError invalid when it is empty, too long, has other characters, or is one that the server itself uses
 */
export function checkName(kind: "account" | "repository", name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) || name.includes("..")) {
    throw new AppError(
      "invalid",
      `the ${kind} name "${name.slice(0, 80)}" is not allowed; use 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
    );
  }
  if (kind === "account" && (RESERVED.has(name.toLowerCase()) || /\.v\d+\./.test(name))) {
    throw new AppError("invalid", `the account name ${name} is used by the server itself; choose another`);
  }
  if (kind === "repository" && /\.(git|wiki)$/i.test(name)) {
    throw new AppError("invalid", `the repository name ${name} ends like an address; leave the ending out`);
  }
}
