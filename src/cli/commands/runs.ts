import { Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { outputColours } from "../colours.ts";
import { repositoryPath } from "../repository-scope.ts";
import type { RestJob, RestRun } from "../rest-types.ts";
import { findRun, visibleActions } from "../run-lookup.ts";
import { jobColumns, runColumns, spent, stepColumns, workflowName } from "../run-tables.ts";
import { sanitize } from "../sanitize.ts";
import { wholeNumber } from "../settings.ts";
import { stateWord } from "../state-words.ts";
import { formatTable } from "../table.ts";

type Options = ClientOptions & { readonly repo?: string };

/** `runs list | show | cancel | rerun | delete`. */
export function defineRuns(context: CliContext): Command {
  const group = new Command("runs").addHelpText(
    "after",
    "\nExamples:\n  act-runner-ts runs list --status failure\n  act-runner-ts runs show 12\n  act-runner-ts runs rerun 12 --failed",
  );
  group.addCommand(listCommand(context));
  for (const define of [showCommand, cancelCommand, rerunCommand, deleteCommand]) group.addCommand(define(context));
  return group;
}

function repositoryOption(): Option {
  return new Option("-R, --repo <owner/name>", "repository of the run");
}

interface ListFlags extends Options {
  readonly status?: string;
  readonly event?: string;
  readonly branch?: string;
  readonly limit: number;
}

function listCommand(context: CliContext): Command {
  const command = new Command("list")
    .description("newest runs first")
    .addOption(repositoryOption())
    .option("--status <word>", "only those in this state, such as failure or in_progress")
    .option("--event <name>", "only those of this event")
    .option("--branch <name>", "only those of this branch")
    .addOption(new Option("-L, --limit <n>", "how many").default(20).argParser(wholeNumber(1)));
  return addClientOptions(command).action(async (options: ListFlags) => {
    const client = await openClient(context, options);
    const scope = options.repo === undefined ? await visibleActions(client) : `${repositoryPath(options.repo)}/actions`;
    const { status, event, branch, limit } = options;
    const runs = await client.list<RestRun>(`${scope}/runs`, "workflow_runs", {
      query: { status, event, branch },
      limit,
    });
    if (options.json) return printJson(context.stdout, runs);
    const columns = runColumns(outputColours(context.env, context.stdout), context.clock.now());
    context.stdout.write(formatTable(columns, runs));
  });
}

function runCommand(name: string, description: string): Command {
  const command = new Command(name).description(description).argument("<run>", "id of the run", wholeNumber(1));
  return addClientOptions(command.addOption(repositoryOption()));
}

function showCommand(context: CliContext): Command {
  return runCommand("show", "a run with its jobs and steps").action(async (id: number, options: Options) => {
    const client = await openClient(context, options);
    const { run, actions } = await findRun(client, id, options.repo);
    const jobs = await client.list<RestJob>(`${actions}/runs/${id}/jobs`, "jobs");
    if (options.json) return printJson(context.stdout, { ...run, jobs });
    const now = context.clock.now();
    const colours = outputColours(context.env, context.stdout);
    const head = `Run ${run.id} of ${run.repository?.full_name ?? "?"}: ${run.display_title}`;
    const facts = `${workflowName(run)}, ${run.event}, ${run.head_branch}, ${run.head_sha.slice(0, 10)}, attempt ${run.run_attempt}`;
    context.stdout.write(
      `${colours.bold(sanitize(head))}\n${sanitize(facts)}\n${stateWord(run)}, ${spent(run, now)}\n\n`,
    );
    context.stdout.write(formatTable(jobColumns(colours, now), jobs));
    for (const job of jobs) {
      if (job.message) context.stdout.write(`\n${sanitize(job.name)}: ${sanitize(job.message)}\n`);
      if (!job.steps?.length) continue;
      context.stdout.write(
        `\n${colours.bold(sanitize(job.name))}\n${formatTable(stepColumns(colours, now), job.steps)}`,
      );
    }
  });
}

function cancelCommand(context: CliContext): Command {
  const command = runCommand("cancel", "cancel a run").option("--force", "do not wait for always() steps");
  return command.action(async (id: number, options: Options & { force?: boolean }) => {
    const client = await openClient(context, options);
    const { actions } = await findRun(client, id, options.repo);
    const run = await client.request("POST", `${actions}/runs/${id}/${options.force ? "force-cancel" : "cancel"}`);
    done(context, options, run, `Run ${id} is being cancelled`);
  });
}

function rerunCommand(context: CliContext): Command {
  const command = runCommand("rerun", "run a finished run again").option(
    "--failed",
    "only the jobs that did not succeed, and those that need them",
  );
  return command.action(async (id: number, options: Options & { failed?: boolean }) => {
    const client = await openClient(context, options);
    const { actions } = await findRun(client, id, options.repo);
    const run = await client.request("POST", `${actions}/runs/${id}/${options.failed ? "rerun-failed-jobs" : "rerun"}`);
    done(context, options, run, `Run ${id} runs again`);
  });
}

function deleteCommand(context: CliContext): Command {
  return runCommand("delete", "delete a finished run with its logs").action(async (id: number, options: Options) => {
    const client = await openClient(context, options);
    const { actions } = await findRun(client, id, options.repo);
    await client.request("DELETE", `${actions}/runs/${id}`);
    done(context, options, undefined, `Run ${id} is deleted`);
  });
}

function done(context: CliContext, options: Options, answer: unknown, text: string): void {
  if (!options.json) context.stdout.write(`${text}\n`);
  else if (answer !== undefined) printJson(context.stdout, answer);
}
