import { Command } from "commander";
import { runDaemon } from "../../runner/daemon.ts";
import type { CliContext } from "../cli-context.ts";
import type { LogOptions } from "../log-choices.ts";
import { addLogSettings } from "../log-settings.ts";
import { makeLogger } from "../logger.ts";
import { loadRunnerConfig } from "../runner-config.ts";
import { makeRunnerParts } from "../runner-parts.ts";
import { commaList, setting } from "../settings.ts";
import { listenForStop } from "../stop-signals.ts";

interface DaemonFlags extends LogOptions {
  readonly config?: string;
  readonly once?: boolean;
  readonly labels?: readonly string[];
  readonly runnerFile?: string;
}

/** `daemon`: takes jobs until it is stopped. */
export function defineDaemon(context: CliContext): Command {
  const command = new Command("daemon")
    .addOption(setting("-c, --config <file>", "Gitea's config.yaml", { aliases: ["CONFIG_FILE"] }))
    .addOption(setting("--once", "take one job, then end", { aliases: ["GITEA_RUNNER_ONCE"] }))
    .addOption(
      setting("--labels <list>", "labels instead of the registered ones, comma list", {
        parse: commaList,
        aliases: ["GITEA_RUNNER_LABELS"],
      }),
    )
    .addOption(
      setting("--runner-file <file>", "the registration (default: .runner, or the config's runner.file)", {
        env: "ACT_RUNNER_FILE",
        aliases: ["RUNNER_STATE_FILE"],
      }),
    );
  return addLogSettings(command)
    .addHelpText(
      "after",
      "\nExamples:\n  act-runner-ts daemon\n  act-runner-ts daemon -c config.yaml --labels self-hosted,gpu:host\n\nThe first SIGINT or SIGTERM takes no more jobs, the second ends the running ones. Every key of config.yaml has a variable too, such as ACT_RUNNER_CAPACITY.",
    )
    .action(async (options: DaemonFlags) => {
      await startDaemon(options, context);
    });
}

/** Runs the daemon to its end and sets the exit code: 1 where the server no longer knows the runner. */
export async function startDaemon(options: DaemonFlags, context: CliContext): Promise<void> {
  const config = await loadRunnerConfig({ config: options.config, runnerFile: options.runnerFile }, context);
  const logger = makeLogger(options, context);
  using signals = listenForStop(process, context.clock);
  const parts = await makeRunnerParts(config, logger, signals, context);
  const { end } = await runDaemon({
    ...parts,
    once: options.once ?? false,
    ...(options.labels === undefined ? {} : { labels: options.labels }),
  });
  context.setExitCode(end === "unregistered" ? 1 : 0);
}
