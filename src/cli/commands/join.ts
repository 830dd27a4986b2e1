import { Command } from "commander";
import { register } from "../../runner/register.ts";
import { loadRunnerFile } from "../../runner/runner-file.ts";
import type { CliContext } from "../cli-context.ts";
import type { LogOptions } from "../log-choices.ts";
import { addLogSettings } from "../log-settings.ts";
import { makeLogger } from "../logger.ts";
import { packageVersion } from "../package-version.ts";
import {
  addRegistrationSettings,
  defaultRunnerName,
  labelsOfThisMachine,
  type RegistrationSettings,
  registrationToken,
} from "../registration-settings.ts";
import { loadRunnerConfig, makeRunnerFolder } from "../runner-config.ts";
import { commaList, setting } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { UsageError } from "../usage-error.ts";
import { startDaemon } from "./daemon.ts";

interface JoinFlags extends RegistrationSettings, LogOptions {
  readonly once?: boolean;
  readonly description?: string;
}

/** What the positional arguments or their variables say. */
interface JoinArguments {
  readonly url: string | undefined;
  readonly token: string | undefined;
  readonly name: string | undefined;
  readonly labels: readonly string[];
}

/** `join URL TOKEN NAME [DESCRIPTION] [LABELS…]`: one command for scripts and containers. */
export function defineJoin(context: CliContext): Command {
  const command = new Command("join")
    .argument("[url]", "address of the server (or ACT_RUNNER_INSTANCE, GITEA_INSTANCE_URL, API_URL)")
    .argument(
      "[token]",
      "registration token; - reads it from --token-file or ACT_RUNNER_REGISTRATION_TOKEN, REGISTRATION_TOKEN",
    )
    .argument("[name]", "name of the runner (or ACT_RUNNER_NAME, RUNNER_NAME)")
    .argument("[description]", "what it is for (or ACT_RUNNER_DESCRIPTION, RUNNER_DESCRIPTION)")
    .argument("[labels...]", "labels, as words or comma lists (or ACT_RUNNER_LABELS, RUNNER_LABELS)")
    .addOption(setting("--once", "take one job, then end", { aliases: ["GITEA_RUNNER_ONCE"] }));
  return addLogSettings(addRegistrationSettings(command))
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts join https://ci.example - builder-1 'fast box' linux,gpu\n  API_URL=https://ci.example REGISTRATION_TOKEN=… RUNNER_NAME=builder-1 act-runner-ts join",
    )
    .action(async (url, token, name, description, labels, options: JoinFlags) => {
      const given = { url, token: token === "-" ? undefined : token, name, labels };
      await join(given, { ...options, ...(description === undefined ? {} : { description }) }, context);
    });
}

async function join(given: JoinArguments, options: JoinFlags, context: CliContext): Promise<void> {
  const config = await loadRunnerConfig({ config: options.config, runnerFile: options.runnerFile }, context);
  if ((await loadRunnerFile(config.runnerFile)) === undefined) {
    await registerFirst(given, options, config.runnerFile, context);
  }
  const { labels: _, ...daemon } = options;
  await startDaemon(daemon, context);
}

async function registerFirst(
  given: JoinArguments,
  options: JoinFlags,
  file: string,
  context: CliContext,
): Promise<void> {
  const instance = given.url ?? variable(context, "ACT_RUNNER_INSTANCE", "GITEA_INSTANCE_URL", "API_URL");
  const token = given.token ?? (await registrationToken(options, context));
  if (instance === undefined)
    throw new UsageError("the address of the server is missing: join URL TOKEN NAME, or set ACT_RUNNER_INSTANCE");
  if (token === undefined)
    throw new UsageError(
      "the registration token is missing: join URL TOKEN NAME, or set ACT_RUNNER_REGISTRATION_TOKEN",
    );
  const labels = given.labels.flatMap((text) => commaList(text, undefined));
  const description = options.description ?? variable(context, "ACT_RUNNER_DESCRIPTION", "RUNNER_DESCRIPTION");
  using signals = listenForStop(process, context.clock);
  await makeRunnerFolder(file);
  await register({
    instance,
    token,
    name: given.name ?? variable(context, "ACT_RUNNER_NAME", "GITEA_RUNNER_NAME", "RUNNER_NAME") ?? defaultRunnerName(),
    ...(description === undefined ? {} : { description }),
    labels: labels.length > 0 ? labels : (options.labels ?? labelsOfThisMachine()),
    ephemeral: options.ephemeral ?? false,
    file,
    version: await packageVersion(),
    proxyEnv: context.env,
    clock: context.clock,
    ids: context.ids,
    logger: makeLogger(options, context),
    signal: signals.stop,
  });
}

/** The first of these variables that is not empty. */
function variable({ env }: CliContext, ...names: string[]): string | undefined {
  return names.map((name) => env[name]).find((text) => text !== undefined && text !== "");
}
