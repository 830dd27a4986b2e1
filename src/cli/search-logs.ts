import { AppError } from "../lib/errors.ts";
import { chosenJobs } from "./chosen-jobs.ts";
import type { CliContext } from "./cli-context.ts";
import { printJson } from "./client-options.ts";
import { outputColours } from "./colours.ts";
import { JobLines } from "./job-lines.ts";
import { splitRows } from "./job-log.ts";
import type { RestClient } from "./rest-client.ts";
import type { FoundRun } from "./run-lookup.ts";

/** What is searched for, and where. */
interface SearchFlags extends FoundRun {
  readonly client: RestClient;
  readonly text: string;
  readonly ignoreCase: boolean;
  readonly job: string | undefined;
  readonly json: boolean;
}

/** A line of the server's answer. */
interface SearchLine {
  readonly job?: string;
  readonly row?: number;
  readonly content?: string;
  readonly matches?: number;
  readonly stopped_by?: "limit" | "time" | null;
  readonly error?: string;
}

/** Prints the rows of a run's logs that hold a text, each with its number from 1 on. */
export async function searchLogs(flags: SearchFlags, context: CliContext): Promise<void> {
  const { client, run, actions, text, ignoreCase, job, json } = flags;
  const jobs = await chosenJobs(client, flags, job);
  const lines = new JobLines(context.stdout, outputColours(context.env, context.stdout));
  lines.announce(jobs.map(({ name }) => name));
  const rows: SearchLine[] = [];
  for (const jobId of job === undefined ? [undefined] : jobs.map(({ id }) => id)) {
    const query = { q: text, ignore_case: ignoreCase, job_id: jobId };
    const response = await client.open("GET", `${actions}/runs/${run.id}/logs/search`, { query });
    for await (const line of splitRows(response)) {
      const found = JSON.parse(line) as SearchLine;
      if (found.error !== undefined) throw new AppError("unavailable", `the search ended early: ${found.error}`);
      if (found.row === undefined) remark(found, text, context);
      else if (json) rows.push(found);
      else lines.row(found.job ?? "", `${found.row + 1}: ${found.content ?? ""}`);
    }
  }
  if (json) printJson(context.stdout, rows);
}

function remark({ matches, stopped_by: stoppedBy }: SearchLine, text: string, { stderr }: CliContext): void {
  if (stoppedBy === "limit") stderr.write(`There are more rows than these ${matches}: search for a longer text.\n`);
  if (stoppedBy === "time") stderr.write("The search took too long and was ended: search one job with --job.\n");
  if (matches === 0 && stoppedBy === null) stderr.write(`No row holds ${JSON.stringify(text)}.\n`);
}
