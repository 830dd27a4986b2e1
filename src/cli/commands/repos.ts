import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { AppError, errorText } from "../../lib/errors.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { repositoryName } from "../create-repository.ts";
import { repositoryPath } from "../repository-scope.ts";
import type { RestRepository } from "../rest-types.ts";
import { sanitize } from "../sanitize.ts";
import { readSecretFile } from "../secret-source.ts";
import { formatTable } from "../table.ts";

/** `repos list | show | add | edit | delete`. */
export function defineRepos(context: CliContext): Command {
  const group = new Command("repos").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts repos add https://git.example/me/app.git\n  act-runner-ts repos add git@git.example:me/app.git --private-key-file key --known-hosts-file known_hosts\n  act-runner-ts repos add /srv/git/app --owner me --name app",
  );
  group.addCommand(listCommand(context));
  for (const define of [showCommand, addCommand, editCommand, deleteCommand]) group.addCommand(define(context));
  return group;
}

function listCommand(context: CliContext): Command {
  return addClientOptions(new Command("list").description("repositories that the token reaches")).action(
    async (options: ClientOptions) => {
      const client = await openClient(context, options);
      const repositories = await client.list<RestRepository>("/user/repos", undefined);
      show(context, options, repositories, repositories);
    },
  );
}

function showCommand(context: CliContext): Command {
  const command = new Command("show").description("one repository").argument("<repository>", "owner/name");
  return addClientOptions(command).action(async (name: string, options: ClientOptions) => {
    const client = await openClient(context, options);
    const repository = await client.request<RestRepository>("GET", repositoryPath(name));
    show(context, options, repository, [repository]);
  });
}

interface CredentialFlags extends ClientOptions {
  readonly defaultBranch?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly privateKeyFile?: string;
  readonly knownHostsFile?: string;
}

function addCredentialOptions(command: Command): Command {
  return addClientOptions(
    command
      .option("--default-branch <name>", "default branch (default: the origin's own)")
      .option("--username <name>", "user for https")
      .option("--password-file <file>", "file with the password or access token for https")
      .option("--private-key-file <file>", "file with the key for ssh")
      .option("--known-hosts-file <file>", "file with the host keys for ssh"),
  );
}

type AddFlags = CredentialFlags & { readonly owner?: string; readonly name?: string };

function addCommand(context: CliContext): Command {
  const command = new Command("add")
    .description("make the server know a repository")
    .argument("<origin>", "https or ssh address, or for administrators a path below --repo-root of the server")
    .option("--owner <name>", "account it belongs to (default: the caller's)")
    .option("--name <name>", "name (default: from the address)");
  return addCredentialOptions(command).action(async (origin: string, options: AddFlags) => {
    const client = await openClient(context, options);
    const cloneUrl = /^(\.{0,2}\/|\.{1,2}$)/.test(origin) ? resolve(context.cwd, origin) : origin;
    const body = { name: options.name ?? repositoryName(cloneUrl.replace(/\/+$/, "")), clone_url: cloneUrl };
    const path = options.owner === undefined ? "/user/repos" : `/orgs/${encodeURIComponent(options.owner)}/repos`;
    const repository = await client.request<RestRepository>("POST", path, {
      body: { ...body, ...(await details(options)) },
    });
    if (options.json) printJson(context.stdout, repository);
    else context.stdout.write(`${sanitize(repository.full_name)} is added\n`);
  });
}

function editCommand(context: CliContext): Command {
  const command = new Command("edit")
    .description("change where a repository comes from")
    .argument("<repository>", "owner/name")
    .option("--origin <url>", "new address");
  return addCredentialOptions(command).action(async (name: string, options: CredentialFlags & { origin?: string }) => {
    const client = await openClient(context, options);
    const body = { clone_url: options.origin, ...(await details(options)) };
    const repository = await client.request<RestRepository>("PATCH", repositoryPath(name), { body });
    if (options.json) printJson(context.stdout, repository);
    else context.stdout.write(`${sanitize(repository.full_name)} is changed\n`);
  });
}

function deleteCommand(context: CliContext): Command {
  const command = new Command("delete")
    .description("delete a repository with its runs")
    .argument("<repository>", "owner/name");
  return addClientOptions(command).action(async (name: string, options: ClientOptions) => {
    const client = await openClient(context, options);
    await client.request("DELETE", repositoryPath(name));
    if (!options.json) context.stdout.write(`${sanitize(name)} is deleted\n`);
  });
}

/** The default branch and the credential, as the REST interface takes them. */
async function details(options: CredentialFlags): Promise<object> {
  const { defaultBranch: default_branch, username, passwordFile, privateKeyFile, knownHostsFile } = options;
  if (privateKeyFile !== undefined) {
    // A key needs its last line end.
    const private_key = await readText(privateKeyFile);
    const known_hosts = knownHostsFile === undefined ? undefined : await readText(knownHostsFile);
    return { default_branch, credential: { private_key, known_hosts } };
  }
  if (passwordFile === undefined) return { default_branch };
  return { default_branch, credential: { username, password: await readSecretFile(passwordFile) } };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("invalid", `${path} cannot be read (${errorText(error)}): check the path and its mode`, error);
  }
}

function show(context: CliContext, options: ClientOptions, value: unknown, rows: readonly RestRepository[]): void {
  if (options.json) {
    printJson(context.stdout, value);
    return;
  }
  const columns = [
    { heading: "REPOSITORY", text: (row: RestRepository) => row.full_name },
    { heading: "BRANCH", text: (row: RestRepository) => row.default_branch ?? "-" },
    { heading: "ORIGIN", text: (row: RestRepository) => row.clone_url ?? "-" },
  ];
  context.stdout.write(formatTable(columns, rows));
}
