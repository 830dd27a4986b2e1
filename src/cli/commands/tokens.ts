import { Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { addScopeOptions, type ScopeOptions, scopePath } from "../repository-scope.ts";
import type { RestClient } from "../rest-client.ts";
import { visibleActions } from "../run-lookup.ts";
import { wholeNumber } from "../settings.ts";
import { formatTable } from "../table.ts";
import { UsageError } from "../usage-error.ts";

interface RestToken {
  readonly id: number;
  readonly name: string;
  readonly grant: string;
  readonly access: string;
  readonly expires_at: string | null;
  readonly created_at: string;
}

type AccountOptions = ClientOptions & { readonly account?: string };

type RegistrationOptions = ClientOptions &
  ScopeOptions & { reset?: boolean; expires?: string; uses?: number; cidr?: string[] };

/** `tokens registration | list | create | delete`. */
export function defineTokens(context: CliContext): Command {
  const group = new Command("tokens").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts tokens registration -R me/app > token.txt\n  act-runner-ts tokens create ci --access write --expires 2027-01-01",
  );
  group.addCommand(registrationCommand(context));
  for (const define of [listCommand, createCommand, deleteCommand]) group.addCommand(define(context));
  return group;
}

function registrationCommand(context: CliContext): Command {
  const command = new Command("registration")
    .description("print the registration token of a scope (default: the widest that the API token reaches)")
    .option("--reset", "make a new one; older ones of the scope stop working")
    .addOption(
      new Option("--expires <date>", "make an extra one that ends then, such as 2027-01-01").argParser(parseDate),
    )
    .addOption(new Option("--uses <count>", "make an extra one for so many runners").argParser(wholeNumber(1)))
    .option("--cidr <network...>", "make an extra one that works from these networks only, such as 10.0.0.0/8");
  addClientOptions(addScopeOptions(command, { global: true }));
  return command.action(async (options: RegistrationOptions) => {
    const { reset, expires, uses, cidr: cidrs } = options;
    const limited = expires !== undefined || uses !== undefined || cidrs !== undefined;
    if (limited && reset) throw new UsageError("--reset goes without --expires, --uses and --cidr");
    const client = await openClient(context, options);
    const scope = scopePath(options) ?? (await visibleActions(client));
    const answer = limited
      ? await client.request<{ token: string }>("POST", `${scope}/runners/registration-tokens`, {
          body: { expires_at: expires, uses, cidrs },
        })
      : await client.request<{ token: string }>("POST", `${scope}/runners/registration-token${reset ? "/reset" : ""}`);
    if (options.json) printJson(context.stdout, answer);
    else context.stdout.write(`${answer.token}\n`);
  });
}

function accountOption(): Option {
  return new Option("--account <name>", "account of the API token (default: the caller's)");
}

function listCommand(context: CliContext): Command {
  const command = new Command("list").description("API tokens, without their text").addOption(accountOption());
  return addClientOptions(command).action(async (options: AccountOptions) => {
    const client = await openClient(context, options);
    const tokens = await client.list<RestToken>(await tokensPath(client, options), undefined);
    if (options.json) {
      printJson(context.stdout, tokens);
      return;
    }
    const columns = [
      { heading: "ID", text: (token: RestToken) => String(token.id) },
      { heading: "GRANT", text: (token: RestToken) => token.grant },
      { heading: "ACCESS", text: (token: RestToken) => token.access },
      { heading: "EXPIRES", text: (token: RestToken) => token.expires_at ?? "never" },
      { heading: "NAME", text: (token: RestToken) => token.name },
    ];
    context.stdout.write(formatTable(columns, tokens));
  });
}

type CreateOptions = AccountOptions & {
  grant: string;
  owner?: string;
  repo?: string;
  access: string;
  expires?: string;
};

function createCommand(context: CliContext): Command {
  const command = new Command("create")
    .description("make an API token; its text is printed this once")
    .argument("<name>", "what it is for")
    .addOption(accountOption())
    .addOption(
      new Option("--grant <what>", "what it reaches").choices(["admin", "owner", "repository"]).default("owner"),
    )
    .option("--owner <name>", "owner for the grant owner (default: the account)")
    .option("-R, --repo <owner/name>", "repository for the grant repository")
    .addOption(new Option("--access <access>", "what it may do").choices(["read", "write"]).default("read"))
    .addOption(
      new Option("--expires <date>", "when it ends, such as 2027-01-01 (default: never)").argParser(parseDate),
    );
  return addClientOptions(command).action(async (name: string, options: CreateOptions) => {
    const client = await openClient(context, options);
    const { grant, owner, repo: repository, access, expires } = options;
    const body = { name, grant, owner, repository, access, expires_at: expires };
    const made = await client.request<RestToken & { token: string }>("POST", await tokensPath(client, options), {
      body,
    });
    if (options.json) printJson(context.stdout, made);
    else context.stdout.write(`${made.token}\n`);
  });
}

function deleteCommand(context: CliContext): Command {
  const command = new Command("delete")
    .description("delete an API token")
    .argument("<id>", "id of the token", wholeNumber(1))
    .addOption(accountOption());
  return addClientOptions(command).action(async (id: number, options: AccountOptions) => {
    const client = await openClient(context, options);
    await client.request("DELETE", `${await tokensPath(client, options)}/${id}`);
    if (!options.json) context.stdout.write(`API token ${id} is deleted\n`);
  });
}

async function tokensPath(client: RestClient, { account }: AccountOptions): Promise<string> {
  const name = account ?? (await client.request<{ login: string }>("GET", "/user")).login;
  return `/users/${encodeURIComponent(name)}/tokens`;
}

function parseDate(text: string): string {
  const at = Date.parse(text);
  if (Number.isNaN(at))
    throw new InvalidArgumentError("a date such as 2027-01-01 or 2027-01-01T12:00:00Z is expected.");
  return new Date(at).toISOString();
}
