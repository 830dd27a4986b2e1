import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../lib/duration.ts";

/** What `setting` needs besides the flag and its description. */
export interface SettingOptions<T> {
  /** The value where neither flag nor variable is given. */
  readonly default?: T;
  /** Turns the text into the value; throws commander's InvalidArgumentError. */
  readonly parse?: (text: string, previous: T) => T;
  /** Other names of the variable, such as Gitea's, in order; the own name wins. */
  readonly aliases?: readonly string[];
  readonly choices?: readonly string[];
  /** Name of the variable. @default `ACT_RUNNER_` and the flag's long name in capitals */
  readonly env?: string;
}

const ALIASES = new WeakMap<Option, readonly string[]>();

/** A flag that is also a setting: `--data-dir` can be given as `ACT_RUNNER_DATA_DIR`. Flag > variable > default. */
export function setting<T = string>(flags: string, description: string, options: SettingOptions<T> = {}): Option {
  const option = new Option(flags, description);
  if (options.default !== undefined) option.default(options.default);
  if (options.parse !== undefined) option.argParser(options.parse);
  if (options.choices !== undefined) option.choices([...options.choices]);
  option.env(options.env ?? environmentName(option));
  if (options.aliases !== undefined) ALIASES.set(option, options.aliases);
  return option;
}

/** `ACT_RUNNER_` and the flag's long name in capitals. */
function environmentName(option: Option): string {
  const name = (option.long ?? "").replace(/^--(no-)?/, "").replaceAll("-", "_");
  return `ACT_RUNNER_${name.toUpperCase()}`;
}

/** All environment variables that set an option, the own name first. */
export function environmentNames(option: Option): readonly string[] {
  return option.envVar === undefined ? [] : [option.envVar, ...(ALIASES.get(option) ?? [])];
}

/**
 * Corrects what commander does with the environment: an empty variable counts as unset, a boolean flag's variable may say
 * `false`, `0`, `no` or `off`, and other names of a variable are looked at.
 */
export function applyEnvironment(command: Command, env: Readonly<Record<string, string | undefined>>): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (option.envVar === undefined || command.getOptionValueSource(name) === "cli") continue;
    const variable = environmentNames(option).find((candidate) => (env[candidate] ?? "") !== "");
    if (variable === undefined) {
      if (command.getOptionValueSource(name) === "env") {
        command.setOptionValueWithSource(name, option.defaultValue, "default");
      }
      continue;
    }
    command.setOptionValueWithSource(name, valueFrom(option, env[variable] ?? "", variable), "env");
  }
}

function valueFrom(option: Option, text: string, variable: string): unknown {
  if (!option.required && !option.optional) return parseBoolean(text, variable) !== option.negate;
  if (option.parseArg === undefined) return option.variadic ? text.split(",") : text;
  try {
    return option.parseArg(text, undefined as never);
  } catch (error) {
    throw new InvalidArgumentError(`${variable} is wrong: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseBoolean(text: string, variable: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new InvalidArgumentError(`${variable} is neither true nor false`);
}

/** A comma list without empty entries; a repeated flag adds to it. */
export function commaList(text: string, previous: readonly string[] | undefined): readonly string[] {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  return [...(previous ?? []), ...entries];
}

/** A repeatable flag whose value may hold commas. */
export function collect(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

/** A whole number that is at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`a whole number from ${minimum} is expected.`);
    }
    return value;
  };
}

/** `K=V` as a pair; `flag` is for the message. */
export function keyValue(text: string, flag: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`${flag} takes NAME=VALUE.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** A duration such as `90d`, `12h` or `1h30m`, in milliseconds. */
export function durationMs(text: string): number {
  const days = /^([0-9]+)d$/.exec(text.trim());
  const ms = days === null ? parseDuration(text) : Number(days[1]) * 24 * 60 * 60_000;
  if (ms === undefined) throw new InvalidArgumentError("a duration such as 90d, 12h or 1h30m is expected.");
  return ms;
}
