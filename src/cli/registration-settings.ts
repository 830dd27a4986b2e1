import { hostname } from "node:os";
import type { Command } from "commander";
import type { CliContext } from "./cli-context.ts";
import { defaultLabels } from "./default-labels.ts";
import { readSecretFile } from "./secret-source.ts";
import { commaList, setting } from "./settings.ts";

/** Flags that say how a runner presents itself; common to `register` and `join`. */
export interface RegistrationSettings {
  readonly tokenFile?: string;
  readonly name?: string;
  readonly labels?: readonly string[];
  readonly ephemeral?: boolean;
  readonly config?: string;
  readonly runnerFile?: string;
}

/** Adds them, with Gitea's names of the variables as other names. */
export function addRegistrationSettings(command: Command): Command {
  return command
    .addOption(
      setting("--token-file <file>", "file with the registration token", {
        env: "ACT_RUNNER_REGISTRATION_TOKEN_FILE",
        aliases: ["GITEA_RUNNER_REGISTRATION_TOKEN_FILE"],
      }),
    )
    .addOption(
      setting("--labels <list>", "comma list of name[:host | :docker://image]", {
        parse: commaList,
        aliases: ["GITEA_RUNNER_LABELS", "RUNNER_LABELS"],
      }),
    )
    .addOption(setting("--ephemeral", "take one job, then be gone", { aliases: ["GITEA_RUNNER_EPHEMERAL"] }))
    .addOption(setting("-c, --config <file>", "Gitea's config.yaml", { aliases: ["CONFIG_FILE"] }))
    .addOption(
      setting(
        "--runner-file <file>",
        "where the registration is kept (default: .runner, or the config's runner.file)",
        {
          env: "ACT_RUNNER_FILE",
          aliases: ["RUNNER_STATE_FILE"],
        },
      ),
    );
}

/** The registration token: flag, file, or a variable; undefined where none is given. */
export async function registrationToken(
  options: { readonly token?: string; readonly tokenFile?: string },
  context: CliContext,
): Promise<string | undefined> {
  if (options.token !== undefined) return options.token;
  if (options.tokenFile !== undefined) return await readSecretFile(options.tokenFile);
  const names = ["ACT_RUNNER_REGISTRATION_TOKEN", "GITEA_RUNNER_REGISTRATION_TOKEN", "REGISTRATION_TOKEN"];
  return names.map((name) => context.env[name]).find((text) => text !== undefined && text !== "");
}

/** Name of a runner that was given none. */
export function defaultRunnerName(): string {
  return hostname();
}

/** Labels of a runner on this machine that was given none. */
export function labelsOfThisMachine(): readonly string[] {
  return defaultLabels(process.platform, process.arch);
}
