import { Command } from "commander";
import { type RunOnceEnd, runOnce } from "../../runner/run-once.ts";
import type { CliContext } from "../cli-context.ts";
import type { LogOptions } from "../log-choices.ts";
import { addLogSettings } from "../log-settings.ts";
import { makeLogger } from "../logger.ts";
import { defaultRunnerName, labelsOfThisMachine } from "../registration-settings.ts";
import { EXIT_CODES } from "../report-error.ts";
import { loadRunnerConfig } from "../runner-config.ts";
import { makeRunnerParts } from "../runner-parts.ts";
import { readSecretFile } from "../secret-source.ts";
import { commaList, setting } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { UsageError } from "../usage-error.ts";

interface OneJobFlags extends LogOptions {
  readonly url?: string;
  readonly uuid?: string;
  readonly tokenFile?: string;
  readonly handle?: string;
  readonly wait?: boolean;
  readonly name?: string;
  readonly labels?: readonly string[];
  readonly config?: string;
}

/** `one-job`: takes one job with a credential that somebody made for it, then ends with the job's result. */
export function defineOneJob(context: CliContext): Command {
  const command = new Command("one-job")
    .addOption(setting("--url <url>", "address of the server", { aliases: ["GITEA_INSTANCE_URL"] }))
    .addOption(setting("--uuid <uuid>", "uuid of the runner"))
    .addOption(
      setting("--token-file <file>", "file with the runner's token (or ACT_RUNNER_TOKEN)", {
        env: "ACT_RUNNER_TOKEN_FILE",
      }),
    )
    .addOption(setting("--handle <handle>", "take this job and no other (Forgejo's job handle)"))
    .addOption(setting("-w, --wait", "wait until there is a job"))
    .addOption(setting("--name <name>", "name that jobs see (default: the host's)", { aliases: ["RUNNER_NAME"] }))
    .addOption(
      setting("--labels <list>", "comma list of name[:host | :docker://image] (default: those of this machine)", {
        parse: commaList,
        aliases: ["GITEA_RUNNER_LABELS", "RUNNER_LABELS"],
      }),
    )
    .addOption(setting("-c, --config <file>", "Gitea's config.yaml", { aliases: ["CONFIG_FILE"] }));
  return addLogSettings(command)
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts one-job --url https://ci.example --uuid 0b6e… --token-file token.txt --wait\n\nThe credential comes from POST /api/v1/…/actions/runners/one-job, or from POST …/runners of a Forgejo server.\nExit codes: 0 the job succeeded, 1 it did not, 2 there was no job.",
    )
    .action(async (options: OneJobFlags) => {
      await runOneJob(options, context);
    });
}

async function runOneJob(options: OneJobFlags, context: CliContext): Promise<void> {
  const { url: address, uuid, name, handle } = options;
  if (address === undefined) throw new UsageError("the address of the server is missing: add --url URL");
  if (uuid === undefined) throw new UsageError("the runner's uuid is missing: add --uuid UUID");
  const token = await runnerToken(options, context);
  const config = await loadRunnerConfig({ config: options.config }, context);
  const labels = options.labels ?? (config.labels.length > 0 ? config.labels : labelsOfThisMachine());
  const logger = makeLogger(options, context);
  using signals = listenForStop(process, context.clock);
  const end = await runOnce({
    ...(await makeRunnerParts(config, logger, signals, context)),
    ...{ address, uuid, token, name: name ?? defaultRunnerName(), labels },
    wait: options.wait ?? false,
    ...(handle === undefined ? {} : { handle }),
  });
  context.setExitCode(exitCode(end));
  if (end.kind === "no-task") context.stderr.write("act-runner-ts: there is no job for this runner now\n");
  if (end.kind === "unregistered") {
    context.stderr.write("act-runner-ts: the server has withdrawn this credential before there was a job\n");
  }
}

async function runnerToken({ tokenFile }: OneJobFlags, context: CliContext): Promise<string> {
  if (tokenFile !== undefined) return await readSecretFile(tokenFile);
  const token = context.env["ACT_RUNNER_TOKEN"] ?? "";
  if (token === "")
    throw new UsageError("the runner's token is missing: add --token-file FILE or set ACT_RUNNER_TOKEN");
  return token;
}

function exitCode(end: RunOnceEnd): number {
  switch (end.kind) {
    case "task":
      return end.result === "success" || end.result === "skipped" ? 0 : 1;
    case "no-task":
    case "unregistered":
      return EXIT_CODES.usage;
    case "stopped":
      return EXIT_CODES.cancelled;
  }
}
