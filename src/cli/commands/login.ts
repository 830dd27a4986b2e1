import { Command } from "commander";
import type { CliContext } from "../cli-context.ts";
import { writePrivateFile } from "../private-file.ts";
import { ask } from "../prompt.ts";
import { RestClient } from "../rest-client.ts";
import { readAll, readSecretFile } from "../secret-source.ts";
import { DEFAULT_SERVER, loginPath, normalizeServer, readLogins } from "../server-connection.ts";
import { setting } from "../settings.ts";

/** `login [URL]`: checks an API token and keeps it in a file that only this user may read. */
export function defineLogin(context: CliContext): Command {
  return new Command("login")
    .argument("[url]", "address of the server")
    .addOption(
      setting("--api-token-file <file>", "file with the API token (or ACT_RUNNER_API_TOKEN, or standard input)"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts login https://ci.example            asks for the token\n  act-runner-ts login https://ci.example < token.txt",
    )
    .action(async (url: string | undefined, options: { apiTokenFile?: string }) => {
      await login(url ?? context.env["ACT_RUNNER_SERVER"], options.apiTokenFile, context);
    });
}

async function login(url: string | undefined, tokenFile: string | undefined, context: CliContext): Promise<void> {
  const server = normalizeServer(url ?? (await askServer(context)));
  const token = await readToken(tokenFile, context);
  const client = new RestClient({ server, token, source: "this login" });
  const { login: account } = await client.request<{ login?: string }>("GET", "/user");
  const known = await readLogins(context.env);
  const path = loginPath(context.env);
  const file = { current: server, tokens: { ...known?.tokens, [server]: token } };
  await writePrivateFile(path, `${JSON.stringify(file, null, 2)}\n`);
  context.stdout.write(`Logged in to ${server}${account === undefined ? "" : ` as ${account}`}; kept in ${path}\n`);
}

async function askServer(context: CliContext): Promise<string> {
  if (context.stdin.isTTY !== true) return DEFAULT_SERVER;
  return await ask({ text: "Server", default: DEFAULT_SERVER }, context);
}

async function readToken(file: string | undefined, context: CliContext): Promise<string> {
  if (file !== undefined) return await readSecretFile(file);
  const fromEnv = context.env["ACT_RUNNER_API_TOKEN"];
  if (fromEnv !== undefined && fromEnv !== "") return fromEnv;
  if (context.stdin.isTTY !== true) return await readAll(context.stdin);
  return await ask(
    { text: "API token (hidden)", secret: true, check: (text) => (text === "" ? "A token is needed." : undefined) },
    context,
  );
}
