import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Command, Option } from "commander";
import { AppError } from "../../lib/errors.ts";
import { formatBytes } from "../byte-size.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import type { RestClient } from "../rest-client.ts";
import type { RestArtifact } from "../rest-types.ts";
import { findRun } from "../run-lookup.ts";
import { sanitize } from "../sanitize.ts";
import { wholeNumber } from "../settings.ts";
import { formatTable } from "../table.ts";

type Options = ClientOptions & { readonly repo?: string };

/** `artifacts list | download | delete`: what runs have made. */
export function defineArtifacts(context: CliContext): Command {
  const group = new Command("artifacts").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts artifacts list 12\n  act-runner-ts artifacts download 12 site -o site.zip",
  );
  for (const define of [listCommand, downloadCommand, deleteCommand]) group.addCommand(define(context));
  return group;
}

function artifactCommand(name: string, description: string): Command {
  const command = new Command(name).description(description).argument("<run>", "id of the run", wholeNumber(1));
  return command.addOption(new Option("-R, --repo <owner/name>", "repository of the run"));
}

function listCommand(context: CliContext): Command {
  const command = addClientOptions(artifactCommand("list", "artifacts of a run, newest first"));
  return command.action(async (run: number, options: Options) => {
    const client = await openClient(context, options);
    const { actions } = await findRun(client, run, options.repo);
    const artifacts = await client.list<RestArtifact>(`${actions}/runs/${run}/artifacts`, "artifacts");
    if (options.json) return printJson(context.stdout, artifacts);
    const columns = [
      { heading: "ID", text: ({ id }: RestArtifact) => String(id) },
      { heading: "NAME", text: ({ name }: RestArtifact) => sanitize(name) },
      { heading: "SIZE", text: ({ size_in_bytes }: RestArtifact) => formatBytes(size_in_bytes) },
      { heading: "EXPIRES", text: ({ expired, expires_at }: RestArtifact) => (expired ? "expired" : expires_at) },
    ];
    context.stdout.write(formatTable(columns, artifacts));
  });
}

function downloadCommand(context: CliContext): Command {
  const command = artifactCommand("download", "save the file of an artifact (a zip, unless it was uploaded as it is)")
    .argument("[name]", "name of the artifact; may be left out where the run has one only")
    .option("-o, --output <file>", "where to (default: its name in this folder)");
  return addClientOptions(command).action(
    async (run: number, name: string | undefined, options: Options & { readonly output?: string }) => {
      const client = await openClient(context, options);
      const { actions } = await findRun(client, run, options.repo);
      const artifact = await findArtifact(client, actions, run, name);
      const response = await client.open("GET", `${actions}/artifacts/${artifact.id}/zip`, { redirect: "follow" });
      const path = resolve(context.cwd, options.output ?? fileNameOf(response, artifact));
      await save(response, path);
      if (options.json) return printJson(context.stdout, { ...artifact, path });
      context.stdout.write(`${path} (${formatBytes(artifact.size_in_bytes)})\n`);
    },
  );
}

function deleteCommand(context: CliContext): Command {
  const command = artifactCommand("delete", "delete an artifact").argument("<name>", "name of the artifact");
  return addClientOptions(command).action(async (run: number, name: string, options: Options) => {
    const client = await openClient(context, options);
    const { actions } = await findRun(client, run, options.repo);
    const artifact = await findArtifact(client, actions, run, name);
    await client.request("DELETE", `${actions}/artifacts/${artifact.id}`);
    if (!options.json) context.stdout.write(`Artifact ${sanitize(artifact.name)} of run ${run} is deleted\n`);
  });
}

async function findArtifact(
  client: RestClient,
  actions: string,
  run: number,
  name: string | undefined,
): Promise<RestArtifact> {
  const all = await client.list<RestArtifact>(`${actions}/runs/${run}/artifacts`, "artifacts");
  const found = name === undefined ? all : all.filter((artifact) => artifact.name === name);
  const [artifact] = found;
  const names = all.map((other) => other.name).join(", ");
  if (artifact === undefined) {
    const have = names === "" ? "it has none" : `it has: ${names}`;
    throw new AppError("not_found", `run ${run} has no artifact${name === undefined ? "" : ` '${name}'`}; ${have}`);
  }
  if (name === undefined && all.length > 1) throw new AppError("invalid", `name one of the run's artifacts: ${names}`);
  return artifact;
}

/** The server's name for the file, without any folder in it. */
function fileNameOf(response: Response, { name }: RestArtifact): string {
  const found = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("content-disposition") ?? "")?.[1];
  return basename(found === undefined ? `${name}.zip` : decodeURIComponent(found));
}

async function save(response: Response, path: string): Promise<void> {
  const unfinished = `${path}.part`;
  try {
    await pipeline(Readable.fromWeb(response.body as never), createWriteStream(unfinished, { mode: 0o600 }));
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
