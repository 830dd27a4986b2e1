import { type Command, Option } from "commander";
import type { CliContext, TextOutput } from "./cli-context.ts";
import { RestClient } from "./rest-client.ts";
import { type ConnectionOptions, findConnection } from "./server-connection.ts";
import { setting } from "./settings.ts";

/** Flags of every command that asks a server. */
export interface ClientOptions extends ConnectionOptions {
  /** Print the server's JSON. */
  readonly json?: boolean | undefined;
}

/** Adds `--server`, `--api-token-file` and `--json`. */
export function addClientOptions(command: Command): Command {
  return command
    .addOption(setting("--server <url>", "address of the server (default: found from data/cli.json or login)"))
    .addOption(setting("--api-token-file <file>", "file with the API token (or ACT_RUNNER_API_TOKEN)"))
    .addOption(new Option("--json", "print JSON in the shapes of the REST interface"));
}

/** A client for the server that flags, environment and files name. */
export async function openClient(context: CliContext, options: ConnectionOptions): Promise<RestClient> {
  return new RestClient(await findConnection(context, options));
}

/** Prints a value as JSON, two spaces deep: the stable form for programs. */
export function printJson(output: TextOutput, value: unknown): void {
  output.write(`${JSON.stringify(value, null, 2)}\n`);
}
