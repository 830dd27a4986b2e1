import { Command, Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { outputColours } from "../colours.ts";
import { repositoryPath } from "../repository-scope.ts";
import type { RestClient } from "../rest-client.ts";
import type { RestJob } from "../rest-types.ts";
import { findRun, visibleActions } from "../run-lookup.ts";
import { jobColumns } from "../run-tables.ts";
import { wholeNumber } from "../settings.ts";
import { formatTable } from "../table.ts";

interface JobsFlags extends ClientOptions {
  readonly repo?: string;
  readonly run?: number;
  readonly status?: string;
  readonly limit: number;
}

/** `jobs`: the newest jobs, or those of a run. */
export function defineJobs(context: CliContext): Command {
  const command = new Command("jobs")
    .option("-R, --repo <owner/name>", "only jobs of this repository")
    .addOption(new Option("--run <id>", "only jobs of this run").argParser(wholeNumber(1)))
    .option("--status <word>", "only those in this state, such as queued or in_progress")
    .addOption(new Option("-L, --limit <n>", "how many").default(20).argParser(wholeNumber(1)))
    .addHelpText("after", "\nExamples:\n  act-runner-ts jobs --status queued\n  act-runner-ts jobs --run 12 --json");
  return addClientOptions(command).action(async (options: JobsFlags) => {
    const client = await openClient(context, options);
    const { status, limit } = options;
    const jobs = await client.list<RestJob>(`${await listPath(client, options)}/jobs`, "jobs", {
      query: { status },
      limit,
    });
    if (options.json) return printJson(context.stdout, jobs);
    const columns = jobColumns(outputColours(context.env, context.stdout), context.clock.now());
    context.stdout.write(formatTable(columns, jobs));
  });
}

async function listPath(client: RestClient, { run, repo }: JobsFlags): Promise<string> {
  if (run !== undefined) return `${(await findRun(client, run, repo)).actions}/runs/${run}`;
  return repo === undefined ? await visibleActions(client) : `${repositoryPath(repo)}/actions`;
}
