import { Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import type { Colours } from "../colours.ts";
import { outputColours } from "../colours.ts";
import { addScopeOptions, type ScopeOptions, scopePath } from "../repository-scope.ts";
import type { RestClient } from "../rest-client.ts";
import type { RestRunner, RestTokenRotation } from "../rest-types.ts";
import { visibleActions } from "../run-lookup.ts";
import { commaList, durationMs, wholeNumber } from "../settings.ts";
import { type Column, formatTable } from "../table.ts";
import { UsageError } from "../usage-error.ts";

type Options = ClientOptions & ScopeOptions;

/** `runners list | show | enable | disable | describe | rotate | delete`. */
export function defineRunners(context: CliContext): Command {
  const group = new Command("runners").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts runners list\n  act-runner-ts runners disable 3          running jobs end, no new ones come\n  act-runner-ts runners describe 3 --labels self-hosted,gpu\n  act-runner-ts runners rotate 3           our runner stores the new token by itself",
  );
  group.addCommand(listCommand(context));
  group.addCommand(showCommand(context));
  group.addCommand(switchCommand(context, "enable", "let a runner take jobs again", false));
  group.addCommand(switchCommand(context, "disable", "give a runner no new jobs", true));
  group.addCommand(describeCommand(context));
  group.addCommand(rotateCommand(context));
  group.addCommand(deleteCommand(context));
  return group;
}

function listCommand(context: CliContext): Command {
  const command = addClientOptions(
    addScopeOptions(new Command("list").description("runners of a scope, or all"), { global: true }),
  );
  return command.action(async (options: Options) => {
    const client = await openClient(context, options);
    const runners = await client.list<RestRunner>(`${await scopeOf(client, options)}/runners`, "runners");
    if (options.json) return printJson(context.stdout, runners);
    context.stdout.write(formatTable(columns(outputColours(context.env, context.stdout)), runners));
  });
}

function runnerCommand(name: string, description: string): Command {
  const command = new Command(name).description(description).argument("<runner>", "id of the runner", wholeNumber(1));
  return addClientOptions(addScopeOptions(command, { global: true }));
}

function showCommand(context: CliContext): Command {
  return runnerCommand("show", "one runner").action(async (id: number, options: Options) => {
    const client = await openClient(context, options);
    const runner = await client.request<RestRunner>("GET", `${await scopeOf(client, options)}/runners/${id}`);
    if (options.json) return printJson(context.stdout, runner);
    context.stdout.write(formatTable(columns(outputColours(context.env, context.stdout)), [runner]));
    if (runner.description)
      context.stdout.write(formatTable([{ heading: "DESCRIPTION", text: String }], [runner.description]));
  });
}

function switchCommand(context: CliContext, name: string, description: string, disabled: boolean): Command {
  return runnerCommand(name, description).action(async (id: number, options: Options) => {
    await change(context, id, options, { disabled }, `Runner ${id} is ${name}d`);
  });
}

function describeCommand(context: CliContext): Command {
  const command = runnerCommand("describe", "change the description or labels of a runner")
    .option("--description <text>", "new description")
    .addOption(new Option("--labels <list>", "new labels, comma separated").argParser(commaList));
  return command.action(async (id: number, options: Options & { description?: string; labels?: string[] }) => {
    const { description, labels } = options;
    if (description === undefined && labels === undefined) {
      throw new UsageError("nothing to change: add --description or --labels");
    }
    await change(context, id, options, { description, labels }, `Runner ${id} is changed`);
  });
}

async function change(context: CliContext, id: number, options: Options, body: object, text: string): Promise<void> {
  const client = await openClient(context, options);
  const runner = await client.request("PATCH", `${await scopeOf(client, options)}/runners/${id}`, { body });
  if (options.json) printJson(context.stdout, runner);
  else context.stdout.write(`${text}\n`);
}

function rotateCommand(context: CliContext): Command {
  const command = runnerCommand("rotate", "give a runner a new token; the old one works until the new one is used")
    .addOption(
      new Option(
        "--overlap <duration>",
        "how long the old one works at the most, such as 1h (default: the server's)",
      ).argParser(durationMs),
    )
    .addOption(new Option("--reveal", "print the token although the server tells the runner by itself"));
  return command.action(async (id: number, options: Options & { overlap?: number; reveal?: boolean }) => {
    const client = await openClient(context, options);
    const body = {
      ...(options.overlap === undefined ? {} : { overlap_seconds: Math.ceil(options.overlap / 1000) }),
      ...(options.reveal === undefined ? {} : { reveal: options.reveal }),
    };
    const path = `${await scopeOf(client, options)}/runners/${id}/rotate-token`;
    const rotated = await client.request<RestTokenRotation>("POST", path, { body });
    if (options.json) return printJson(context.stdout, rotated);
    const until = `the old one works until the new one is used, until ${rotated.old_expires_at} at the latest`;
    context.stdout.write(
      rotated.delivery === "server"
        ? `Runner ${id} gets its new token from the server; ${until}\n`
        : `Runner ${id} has a new token: write it into its .runner file and start it again; ${until}\n`,
    );
    if (rotated.token !== null) context.stdout.write(`Token (shown this once): ${rotated.token}\n`);
  });
}

function deleteCommand(context: CliContext): Command {
  return runnerCommand("delete", "delete a runner; its running job ends").action(
    async (id: number, options: Options) => {
      const client = await openClient(context, options);
      await client.request("DELETE", `${await scopeOf(client, options)}/runners/${id}`);
      if (!options.json) context.stdout.write(`Runner ${id} is deleted\n`);
    },
  );
}

async function scopeOf(client: RestClient, options: ScopeOptions): Promise<string> {
  return scopePath(options) ?? (await visibleActions(client));
}

function columns(colours: Colours): readonly Column<RestRunner>[] {
  const paint = (runner: RestRunner) => (runner.status === "online" ? colours.green : colours.dim);
  return [
    { heading: "ID", text: (runner) => String(runner.id) },
    { heading: "STATUS", text: stateOf, paint },
    { heading: "NAME", text: (runner) => runner.name },
    { heading: "VERSION", text: (runner) => runner.version || "-" },
    { heading: "LABELS", text: (runner) => runner.labels.map((label) => label.name).join(",") },
  ];
}

function stateOf({ status, busy, disabled, ephemeral }: RestRunner): string {
  const first = status === "online" && busy ? "busy" : status;
  return [first, disabled ? "disabled" : "", ephemeral ? "ephemeral" : ""].filter((word) => word !== "").join(", ");
}
