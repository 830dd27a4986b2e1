import { Command, Option } from "commander";
import { register } from "../../runner/register.ts";
import type { RunnerFile } from "../../runner/runner-file.ts";
import type { CliContext } from "../cli-context.ts";
import { printJson } from "../client-options.ts";
import type { LogOptions } from "../log-choices.ts";
import { addLogSettings } from "../log-settings.ts";
import { makeLogger } from "../logger.ts";
import { packageVersion } from "../package-version.ts";
import { ask } from "../prompt.ts";
import {
  addRegistrationSettings,
  defaultRunnerName,
  labelsOfThisMachine,
  type RegistrationSettings,
  registrationToken,
} from "../registration-settings.ts";
import { loadRunnerConfig, makeRunnerFolder } from "../runner-config.ts";
import { sanitize } from "../sanitize.ts";
import { setting } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";
import { UsageError } from "../usage-error.ts";

interface RegisterFlags extends RegistrationSettings, LogOptions {
  readonly instance?: string;
  readonly token?: string;
  readonly description?: string;
  readonly interactive: boolean;
  readonly json?: boolean;
}

/** `register`: asks for what is missing on a terminal, registers, writes `.runner`. */
export function defineRegister(context: CliContext): Command {
  const command = new Command("register")
    .addOption(setting("--instance <url>", "address of the server", { aliases: ["GITEA_INSTANCE_URL"] }))
    .addOption(
      new Option(
        "--token <token>",
        "registration token (others on this machine may see it: prefer --token-file or ACT_RUNNER_REGISTRATION_TOKEN)",
      ),
    )
    .addOption(
      setting("--name <name>", "name of the runner (default: the host's)", {
        aliases: ["GITEA_RUNNER_NAME", "RUNNER_NAME"],
      }),
    )
    .addOption(
      setting("--description <text>", "what it is for (kept by an act-runner-ts server)", {
        aliases: ["RUNNER_DESCRIPTION"],
      }),
    )
    .addOption(new Option("--no-interactive", "ask nothing"))
    .addOption(new Option("--json", "print the registration as JSON, without the token"));
  return addLogSettings(addRegistrationSettings(command))
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts register\n  act-runner-ts register --no-interactive --instance https://gitea.example --token-file token.txt --labels self-hosted,gpu:host",
    )
    .action(async (options: RegisterFlags) => {
      await runRegister(options, context);
    });
}

async function runRegister(options: RegisterFlags, context: CliContext): Promise<void> {
  const config = await loadRunnerConfig({ config: options.config, runnerFile: options.runnerFile }, context);
  const asking = options.interactive && context.stdin.isTTY === true;
  const answers = asking
    ? await askMissing(options, config.labels, context)
    : await takeGiven(options, config.labels, context);
  using signals = listenForStop(process, context.clock);
  await makeRunnerFolder(config.runnerFile);
  const identity = await register({
    ...answers,
    ...(options.description === undefined ? {} : { description: options.description }),
    ephemeral: options.ephemeral ?? false,
    file: config.runnerFile,
    insecure: config.insecure,
    version: await packageVersion(),
    proxyEnv: context.env,
    clock: context.clock,
    ids: context.ids,
    logger: makeLogger(options, context),
    signal: signals.stop,
  });
  report(identity, config.runnerFile, options, context);
}

/** What a person or the flags say about the registration. */
interface Answers {
  readonly instance: string;
  readonly token: string;
  readonly name: string;
  readonly labels: readonly string[];
}

async function takeGiven(options: RegisterFlags, configured: readonly string[], context: CliContext): Promise<Answers> {
  const token = await registrationToken(options, context);
  if (options.instance === undefined) throw new UsageError("the address of the server is missing: add --instance URL");
  if (token === undefined) {
    throw new UsageError(
      "the registration token is missing: add --token-file FILE or set ACT_RUNNER_REGISTRATION_TOKEN",
    );
  }
  return {
    instance: options.instance,
    token,
    name: options.name ?? defaultRunnerName(),
    labels: pickLabels(options, configured),
  };
}

async function askMissing(
  options: RegisterFlags,
  configured: readonly string[],
  context: CliContext,
): Promise<Answers> {
  const needed = (what: string) => (text: string) => (text === "" ? `${what} is needed.` : undefined);
  const instance =
    options.instance ??
    (await ask(
      { text: "Address of the server", default: "http://127.0.0.1:3000", check: needed("An address") },
      context,
    ));
  const token =
    (await registrationToken(options, context)) ??
    (await ask({ text: "Registration token (hidden)", secret: true, check: needed("A token") }, context));
  const name = options.name ?? (await ask({ text: "Name of the runner", default: defaultRunnerName() }, context));
  const labels = pickLabels(options, configured);
  const typed =
    options.labels === undefined ? await ask({ text: "Labels", default: labels.join(",") }, context) : labels.join(",");
  return { instance, token, name, labels: typed.split(",") };
}

function pickLabels(options: RegisterFlags, configured: readonly string[]): readonly string[] {
  return options.labels ?? (configured.length > 0 ? configured : labelsOfThisMachine());
}

function report(identity: RunnerFile, path: string, options: RegisterFlags, context: CliContext): void {
  const { token: _, ...shown } = identity;
  if (options.json) {
    printJson(context.stdout, { ...shown, file: path });
    return;
  }
  context.stdout.write(
    `Runner ${sanitize(identity.name)} is registered with ${identity.address}; kept in ${path}\nLabels: ${identity.labels.map(sanitize).join(", ")}\n`,
  );
}
