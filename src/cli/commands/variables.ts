import { Command } from "commander";
import { AppError } from "../../lib/errors.ts";
import { chosenScope } from "../chosen-scope.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { addScopeOptions, type ScopeOptions } from "../repository-scope.ts";
import type { RestClient } from "../rest-client.ts";
import { addValueOptions, readValue, type ValueOptions } from "../secret-value.ts";
import { formatTable } from "../table.ts";

interface RestVariable {
  readonly name: string;
  readonly data: string;
  readonly description?: string;
}

/** `variables list | get | set | delete`. */
export function defineVariables(context: CliContext): Command {
  const group = new Command("variables").addHelpText(
    "after",
    "\nExamples:\n  echo https://api.example | act-runner-ts variables set API_URL -R me/app\n  act-runner-ts variables get API_URL -R me/app\n\nInside a work tree of a repository that the server knows, -R is not needed.",
  );
  for (const define of [listCommand, getCommand, setCommand, deleteCommand]) group.addCommand(define(context));
  return group;
}

type Options = ClientOptions & ScopeOptions;

function listCommand(context: CliContext): Command {
  const command = addClientOptions(
    addScopeOptions(new Command("list").description("variables of a scope"), { global: false }),
  );
  return command.action(async (options: Options) => {
    const client = await openClient(context, options);
    const variables = await client.request<readonly RestVariable[]>(
      "GET",
      `${await chosenScope(client, options, context)}/variables`,
    );
    if (options.json) return printJson(context.stdout, variables);
    const columns = [
      { heading: "NAME", text: (variable: RestVariable) => variable.name },
      { heading: "VALUE", text: (variable: RestVariable) => variable.data },
    ];
    context.stdout.write(formatTable(columns, variables));
  });
}

function getCommand(context: CliContext): Command {
  const command = new Command("get")
    .description("print the value of a variable")
    .argument("<name>", "name of the variable");
  return addClientOptions(addScopeOptions(command, { global: false })).action(
    async (name: string, options: Options) => {
      const client = await openClient(context, options);
      const variable = await client.request<RestVariable>("GET", await variablePath(client, name, options, context));
      if (options.json) printJson(context.stdout, variable);
      else context.stdout.write(`${variable.data}\n`);
    },
  );
}

function setCommand(context: CliContext): Command {
  const command = new Command("set")
    .description("make or change a variable")
    .argument("<name>", "name of the variable");
  addClientOptions(addValueOptions(addScopeOptions(command, { global: false })));
  return command.action(async (name: string, options: Options & ValueOptions) => {
    const client = await openClient(context, options);
    const path = await variablePath(client, name, options, context);
    const body = { value: await readValue(name, options, context) };
    try {
      await client.request("POST", path, { body });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "conflict") throw error;
      await client.request("PUT", path, { body });
    }
    if (!options.json) context.stdout.write(`Variable ${name} is set\n`);
  });
}

function deleteCommand(context: CliContext): Command {
  const command = new Command("delete").description("delete a variable").argument("<name>", "name of the variable");
  return addClientOptions(addScopeOptions(command, { global: false })).action(
    async (name: string, options: Options) => {
      const client = await openClient(context, options);
      await client.request("DELETE", await variablePath(client, name, options, context));
      if (!options.json) context.stdout.write(`Variable ${name} is deleted\n`);
    },
  );
}

async function variablePath(client: RestClient, name: string, options: Options, context: CliContext): Promise<string> {
  return `${await chosenScope(client, options, context)}/variables/${encodeURIComponent(name)}`;
}
