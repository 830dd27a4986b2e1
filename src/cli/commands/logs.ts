import { Command } from "commander";
import { AppError } from "../../lib/errors.ts";
import type { CliContext } from "../cli-context.ts";
import { addClientOptions, type ClientOptions, openClient, printJson } from "../client-options.ts";
import { outputColours } from "../colours.ts";
import { followToEnd } from "../follow-outcome.ts";
import { JobLines } from "../job-lines.ts";
import { readJobLog } from "../job-log.ts";
import type { RestClient } from "../rest-client.ts";
import type { RestJob } from "../rest-types.ts";
import { type FoundRun, findRun, newestRun } from "../run-lookup.ts";
import { plainText } from "../sanitize.ts";
import { wholeNumber } from "../settings.ts";

interface LogsFlags extends ClientOptions {
  readonly follow?: boolean;
  readonly job?: string;
  readonly repo?: string;
  readonly raw?: boolean;
}

/** `logs [RUN]`: what the jobs of a run printed. */
export function defineLogs(context: CliContext): Command {
  const command = new Command("logs")
    .argument("[run]", "id of the run (default: the newest)", wholeNumber(1))
    .option("-f, --follow", "go on until the run is done; exit code 1 where it does not succeed")
    .option("-j, --job <name>", "only this job (name or id)")
    .option("-R, --repo <owner/name>", "repository of the run")
    .option("--raw", "the rows alone, as the runner sent them")
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts logs -f 12\n  act-runner-ts logs 12 --job build --raw > build.log",
    );
  return addClientOptions(command).action(async (id: number | undefined, options: LogsFlags) => {
    const client = await openClient(context, options);
    const found = id === undefined ? await newestRun(client, options.repo) : await findRun(client, id, options.repo);
    const runId = found.run.id;
    if (options.follow)
      return await followToEnd({ client, actions: found.actions, runId, job: options.job }, options, context);
    await printLogs(client, found, options, context);
  });
}

async function printLogs(
  client: RestClient,
  { run, actions }: FoundRun,
  options: LogsFlags,
  context: CliContext,
): Promise<void> {
  const all = await client.list<RestJob>(`${actions}/runs/${run.id}/jobs`, "jobs");
  const jobs = all.filter(
    ({ id, name }) => options.job === undefined || options.job === name || options.job === String(id),
  );
  if (jobs.length === 0) {
    throw new AppError(
      "not_found",
      `run ${run.id} has no job ${options.job ?? "at all"}: its jobs are ${all.map(({ name }) => name).join(", ")}`,
    );
  }
  const lines = new JobLines(context.stdout, outputColours(context.env, context.stdout));
  lines.announce(jobs.map(({ name }) => name));
  const rows: { job: string; text: string }[] = [];
  for (const job of jobs) {
    for await (const text of readJobLog(client, `${actions}/jobs/${job.id}`)) {
      if (options.json) rows.push({ job: job.name, text });
      else if (options.raw) context.stdout.write(`${context.stdout.isTTY ? plainText(text) : text}\n`);
      else lines.row(job.name, text);
    }
  }
  if (options.json) printJson(context.stdout, rows);
}
