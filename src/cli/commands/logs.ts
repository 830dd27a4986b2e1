import { Command } from "commander";
import { chosenJobs } from "../chosen-jobs.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { outputColours } from "../colours.ts";
import { followToEnd } from "../follow-outcome.ts";
import { JobLines } from "../job-lines.ts";
import { readJobLog } from "../job-log.ts";
import type { RestClient } from "../rest-client.ts";
import { type FoundRun, findRun, newestRun } from "../run-lookup.ts";
import { plainText } from "../sanitize.ts";
import { searchLogs } from "../search-logs.ts";
import { wholeNumber } from "../settings.ts";

interface LogsFlags extends ClientOptions {
  readonly follow?: boolean;
  readonly job?: string;
  readonly repo?: string;
  readonly raw?: boolean;
  readonly tail?: number;
  readonly search?: string;
  readonly ignoreCase?: boolean;
}

/** `logs [RUN]`: what the jobs of a run printed. */
export function defineLogs(context: CliContext): Command {
  const command = new Command("logs")
    .argument("[run]", "id of the run (default: the newest)", wholeNumber(1))
    .option("-f, --follow", "go on until the run is done; exit code 1 where it does not succeed")
    .option("-j, --job <name>", "only this job (name or id)")
    .option("-R, --repo <owner/name>", "repository of the run")
    .option("--raw", "the rows alone, as the runner sent them")
    .option("-n, --tail <rows>", "only so many rows at the end of each job's log", wholeNumber(0))
    .option("-s, --search <text>", "only the rows that hold this text, each with its number; searched by the server")
    .option("-i, --ignore-case", "upper and lower case are the same to --search")
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts logs -f 12\n  act-runner-ts logs 12 --job build --raw > build.log\n  act-runner-ts logs 12 --tail 50\n  act-runner-ts logs 12 --search 'error TS' --ignore-case",
    );
  return addClientOptions(command).action(async (id: number | undefined, options: LogsFlags) => {
    const client = await openClient(context, options);
    const found = id === undefined ? await newestRun(client, options.repo) : await findRun(client, id, options.repo);
    const runId = found.run.id;
    if (options.follow)
      return await followToEnd({ client, actions: found.actions, runId, job: options.job }, options, context);
    if (options.search === undefined) return await printLogs(client, found, options, context);
    const { search: text, ignoreCase = false, job, json = false } = options;
    await searchLogs({ client, ...found, text, ignoreCase, job, json }, context);
  });
}

async function printLogs(
  client: RestClient,
  { run, actions }: FoundRun,
  options: LogsFlags,
  context: CliContext,
): Promise<void> {
  const jobs = await chosenJobs(client, { run, actions }, options.job);
  const lines = new JobLines(context.stdout, outputColours(context.env, context.stdout));
  lines.announce(jobs.map(({ name }) => name));
  const rows: { job: string; text: string }[] = [];
  for (const job of jobs) {
    for await (const text of readJobLog(client, `${actions}/jobs/${job.id}`, options.tail)) {
      if (options.json) rows.push({ job: job.name, text });
      else if (options.raw) context.stdout.write(`${context.stdout.isTTY ? plainText(text) : text}\n`);
      else lines.row(job.name, text);
    }
  }
  if (options.json) printJson(context.stdout, rows);
}
