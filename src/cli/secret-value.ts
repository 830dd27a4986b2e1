import { type Command, Option } from "commander";
import { AppError } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";
import { ask } from "./prompt.ts";
import { readAll, readSecretFile } from "./secret-source.ts";

/** Flags that say where a value comes from; it never stands in the command line, which every user of the machine can read. */
export interface ValueOptions {
  readonly fromFile?: string | undefined;
  readonly fromEnv?: string | undefined;
}

/** Adds `--from-file` and `--from-env`. */
export function addValueOptions(command: Command): Command {
  return command
    .addOption(new Option("-f, --from-file <file>", "read the value from a file").conflicts("fromEnv"))
    .addOption(new Option("--from-env <variable>", "read the value from an environment variable"));
}

/** The value: from the file, the variable, a hidden prompt on a terminal, or else all of standard input. */
export async function readValue(name: string, options: ValueOptions, context: CliContext): Promise<string> {
  if (options.fromFile !== undefined) return await readSecretFile(options.fromFile);
  if (options.fromEnv !== undefined) {
    const value = context.env[options.fromEnv];
    if (value === undefined)
      throw new AppError("invalid", `the variable ${options.fromEnv} is not set: export it first`);
    return value;
  }
  if (context.stdin.isTTY === true) return await ask({ text: `Value of ${name} (hidden)`, secret: true }, context);
  const value = await readAll(context.stdin);
  if (value === "")
    throw new AppError("invalid", `standard input holds no value for ${name}: pipe it in, or use --from-file`);
  return value;
}
