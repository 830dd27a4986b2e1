import { Command } from "commander";
import { chosenScope } from "../chosen-scope.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { addScopeOptions, type ScopeOptions } from "../repository-scope.ts";
import { addValueOptions, readValue, type ValueOptions } from "../secret-value.ts";
import { formatAge, formatTable } from "../table.ts";

interface RestSecret {
  readonly name: string;
  readonly description?: string;
  readonly created_at: string;
}

/** `secrets list | set | delete`: values come from standard input, a file or the environment, and cannot be read back. */
export function defineSecrets(context: CliContext): Command {
  const group = new Command("secrets").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts secrets set DEPLOY_KEY -R me/app < key.pem\n  act-runner-ts secrets list -R me/app\n\nInside a work tree of a repository that the server knows, -R is not needed.",
  );
  group.addCommand(listCommand(context)).addCommand(setCommand(context)).addCommand(deleteCommand(context));
  return group;
}

function listCommand(context: CliContext): Command {
  const command = addClientOptions(
    addScopeOptions(new Command("list").description("names of the secrets of a scope"), { global: false }),
  );
  return command.action(async (options: ClientOptions & ScopeOptions) => {
    const client = await openClient(context, options);
    const secrets = await client.request<readonly RestSecret[]>(
      "GET",
      `${await chosenScope(client, options, context)}/secrets`,
    );
    if (options.json) return printJson(context.stdout, secrets);
    const columns = [
      { heading: "NAME", text: (secret: RestSecret) => secret.name },
      { heading: "AGE", text: (secret: RestSecret) => formatAge(secret.created_at, context.clock.now()) },
      { heading: "DESCRIPTION", text: (secret: RestSecret) => secret.description ?? "" },
    ];
    context.stdout.write(formatTable(columns, secrets));
  });
}

function setCommand(context: CliContext): Command {
  const command = new Command("set")
    .description("make or replace a secret")
    .argument("<name>", "name of the secret")
    .option("--description <text>", "what it is for");
  addClientOptions(addValueOptions(addScopeOptions(command, { global: false })));
  return command.action(async (name: string, options: SetOptions) => {
    const client = await openClient(context, options);
    const scope = await chosenScope(client, options, context);
    const body = { data: await readValue(name, options, context), description: options.description ?? "" };
    await client.request("PUT", `${scope}/secrets/${encodeURIComponent(name)}`, { body });
    if (!options.json) context.stdout.write(`Secret ${name} is set\n`);
  });
}

type SetOptions = ClientOptions & ScopeOptions & ValueOptions & { description?: string };

function deleteCommand(context: CliContext): Command {
  const command = new Command("delete").description("delete a secret").argument("<name>", "name of the secret");
  return addClientOptions(addScopeOptions(command, { global: false })).action(
    async (name: string, options: ClientOptions & ScopeOptions) => {
      const client = await openClient(context, options);
      await client.request(
        "DELETE",
        `${await chosenScope(client, options, context)}/secrets/${encodeURIComponent(name)}`,
      );
      if (!options.json) context.stdout.write(`Secret ${name} is deleted\n`);
    },
  );
}
