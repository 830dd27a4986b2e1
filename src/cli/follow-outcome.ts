import { AppError } from "../lib/errors.ts";
import type { CliContext } from "./cli-context.ts";
import { printJson } from "./client-options.ts";
import { outputColours } from "./colours.ts";
import { failureSummary } from "./failure-summary.ts";
import { followRun } from "./follow-run.ts";
import { JobLines } from "./job-lines.ts";
import type { RestClient } from "./rest-client.ts";
import { spent } from "./run-tables.ts";
import { sanitize } from "./sanitize.ts";
import { stateWord } from "./state-words.ts";
import { listenForStop } from "./stop-signals.ts";

/** Exit code of a program that SIGINT ended. */
const INTERRUPTED = 130;

/** Follows a run on the terminal to its end, sums it up and sets the exit code. The first Ctrl-C only ends the following. */
export async function followToEnd(
  target: {
    readonly client: RestClient;
    readonly actions: string;
    readonly runId: number;
    readonly job?: string | undefined;
  },
  options: { readonly json?: boolean | undefined },
  context: CliContext,
): Promise<void> {
  const colours = outputColours(context.env, context.stdout);
  const output = options.json ? { write: () => undefined } : context.stdout;
  using signals = listenForStop(process, context.clock);
  try {
    const lines = new JobLines(output, colours);
    const ended = await followRun({ ...target, lines, colours, clock: context.clock, signal: signals.stop });
    const word = stateWord(ended.run);
    for (const line of failureSummary(ended.jobs, ended.lastError)) output.write(`${colours.red(sanitize(line))}\n`);
    const address = ended.run.html_url === undefined ? "" : ` (${ended.run.html_url})`;
    output.write(
      sanitize(`Run ${target.runId}: ${word} in ${spent(ended.run, context.clock.now())}${address}`).concat("\n"),
    );
    if (options.json) printJson(context.stdout, { ...ended.run, jobs: ended.jobs });
    context.setExitCode(word === "success" ? 0 : 1);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "cancelled") throw error;
    context.stderr.write(
      `\nRun ${target.runId} goes on: "act-runner-ts logs -f ${target.runId}" follows it again, "act-runner-ts runs cancel ${target.runId}" ends it.\n`,
    );
    context.setExitCode(INTERRUPTED);
  }
}
