import { CommanderError } from "commander";
import { AppError, type ErrorCode, errorText } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";
import { sanitize } from "./sanitize.ts";
import { UsageError } from "./usage-error.ts";

/** Exit codes: 0 success · 1 failed · 2 nothing to do or wrong usage · 130 interrupted (128 + SIGINT, as shells count). */
export const EXIT_CODES: Readonly<Record<ErrorCode | "usage", number>> = {
  usage: 2,
  invalid: 1,
  unauthenticated: 1,
  forbidden: 1,
  not_found: 1,
  conflict: 1,
  exhausted: 1,
  unavailable: 1,
  timeout: 1,
  cancelled: 130,
  internal: 1,
};

/** What is printed and returned for anything thrown; null where there is nothing to print (help and version). */
function describeError(thrown: unknown): { readonly line: string | null; readonly exitCode: number } {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return { line: null, exitCode: 0 };
    return { line: usageLine(thrown.message), exitCode: EXIT_CODES.usage };
  }
  if (thrown instanceof UsageError) return { line: thrown.message, exitCode: EXIT_CODES.usage };
  if (thrown instanceof AppError) return { line: thrown.message, exitCode: EXIT_CODES[thrown.code] };
  return {
    line: `unexpected error: ${errorText(thrown)}: run it again with DEBUG=* and report the stack`,
    exitCode: EXIT_CODES.internal,
  };
}

/** Prints one line for anything thrown (with `DEBUG` set also the stacks of it and its causes); gives the exit code. */
export function reportError(thrown: unknown, context: Pick<CliContext, "stderr" | "env">): number {
  const { line, exitCode } = describeError(thrown);
  if (line !== null) context.stderr.write(`act-runner-ts: ${sanitize(line)}\n`);
  if ((context.env["DEBUG"] ?? "") !== "" && exitCode !== 0) {
    for (let cause: unknown = thrown; cause instanceof Error; cause = cause.cause) {
      const lines = (cause.stack ?? cause.message).split("\n");
      context.stderr.write(`${lines.map(sanitize).join("\n")}\n`);
    }
  }
  return exitCode;
}

/** Commander's message in our form: no `error:` before, the suggestion as the remedy. */
function usageLine(message: string): string {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const suggestion = rest
    .join(" ")
    .trim()
    .replace(/^\(Did you mean (.*)\?\)$/, "did you mean $1?");
  return suggestion === "" ? `${first}: see --help` : `${first}: ${suggestion}`;
}
