import type { Command } from "commander";
import { LOG_FORMATS, LOG_LEVELS } from "./log-choices.ts";
import { setting } from "./settings.ts";

/** Adds `--log-level` and `--log-format` to a command that logs. */
export function addLogSettings(command: Command): Command {
  return command
    .addOption(setting("--log-level <level>", "least level that is logged", { default: "info", choices: LOG_LEVELS }))
    .addOption(
      setting("--log-format <format>", "text for people, json for machines", { default: "text", choices: LOG_FORMATS }),
    );
}
