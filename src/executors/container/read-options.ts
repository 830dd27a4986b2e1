import { split } from "shlex";
import { AppError } from "../../lib/errors.ts";
import { nearestName } from "../../lib/nearest-name.ts";
import type { ContainerDraft } from "./container-draft.ts";
import { type ContainerOption, OPTION_ALIASES, OPTION_TABLE } from "./option-table.ts";

/**
 * Reads an `options:` string, words as a shell cuts them, into a draft. Later flags win over earlier ones; lists grow.
 * @param where whose options they are, for messages, such as "the job's container"
 * @throws AppError invalid, naming the flag that is unknown or wrong
 */
export function readOptions(draft: ContainerDraft, text: string, where: string): void {
  const words = cut(text, where);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const { name, spelt, option, value } = readFlag(word, where);
    let text = value;
    if (text === undefined && option.takes === "value") {
      text = words.shift();
      if (text === undefined) throw new AppError("invalid", `the options of ${where}: ${spelt} needs a value`);
    }
    if (option.power) draft.powers.push(`--${name}`);
    try {
      option.apply(draft, text ?? "true");
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new AppError("invalid", `the options of ${where}: ${spelt}: ${error.message}`, error);
    }
  }
}

function cut(text: string, where: string): string[] {
  try {
    return split(text);
  } catch (error) {
    throw new AppError("invalid", `the options of ${where} cannot be read: a quote is not closed`, error);
  }
}

interface Flag {
  readonly name: string;
  /** As the user wrote it, without the value. */
  readonly spelt: string;
  readonly option: ContainerOption;
  readonly value: string | undefined;
}

/** Takes `--flag`, `--flag=value`, `-f` and `-fvalue` apart. */
function readFlag(word: string, where: string): Flag {
  const long = /^--([a-z][\w-]*)(?:=(.*))?$/s.exec(word);
  const short = /^-([A-Za-z])(?:=?(.+))?$/s.exec(word);
  const [, key = "", value] = long ?? short ?? [];
  const name = OPTION_ALIASES[key] ?? (long === null ? "" : key);
  const spelt = long === null ? `-${key}` : `--${key}`;
  const option = Object.hasOwn(OPTION_TABLE, name) ? OPTION_TABLE[name] : undefined;
  if (option !== undefined) return { name, spelt, option, value };
  if (key === "") throw new AppError("invalid", `the options of ${where}: '${word}' is not a flag; they begin with --`);
  const nearest = long === null ? undefined : nearestName(key, Object.keys(OPTION_TABLE));
  const hint = nearest === undefined ? "remove it" : `do you mean --${nearest}?`;
  throw new AppError("invalid", `the options of ${where}: ${spelt} is not a flag that can be used here; ${hint}`);
}
