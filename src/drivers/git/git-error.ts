import { AppError, type ErrorCode } from "../../lib/errors.ts";
import { type GitCredential, redactCredential } from "./git-credential.ts";

/** What git's messages mean; the first that matches counts. Messages are English, since we set LC_ALL. */
const meanings: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /transport '.*' not allowed|protocol '.*' is not (allowed|supported)|Unable to find remote helper|redirect/i,
    "forbidden",
  ],
  [
    /Authentication failed|could not read (Username|Password)|Permission denied|Host key verification|error: 40[13]/i,
    "forbidden",
  ],
  [
    /not our ref|couldn't find remote ref|repository .*not found|does not (exist|appear to be a git repository)|error: 404/i,
    "not_found",
  ],
  [/not a git repository/i, "not_found"],
];

/**
 * Makes an error of a failed git: its last telling line, without the credential. What is not known counts as
 * `unavailable`: a network or server that is away is the usual reason.
 *
 * @param action what was tried, as in "fetch of https://…"
 */
export function gitError(action: string, stderr: string, credential: GitCredential | undefined): AppError {
  const lines = redactCredential(stderr, credential)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^fatal: Could not read from remote repository\.$/.test(line));
  const telling = lines.findLast((line) => /^(fatal|error|remote|ERROR):/.test(line)) ?? lines.at(-1) ?? "no message";
  const code = meanings.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1] ?? "unavailable";
  return new AppError(code, `the ${redactCredential(action, credential)} failed; git says: ${telling.slice(0, 500)}`);
}
