import type { Command, Option } from "commander";
import type { CommandEntry } from "./command-table.ts";
import { environmentNames } from "./settings.ts";

/** The page docs/reference/cli.md, made from the commands themselves. */
export function renderReference(entries: readonly CommandEntry[], commands: readonly Command[]): string {
  const parts = [INTRODUCTION];
  for (const group of new Set(entries.map((entry) => entry.group))) {
    parts.push(`## ${group.replace(/:$/, "")}`);
    for (const [at, entry] of entries.entries()) {
      const command = commands[at];
      if (entry.group === group && command !== undefined) parts.push(...renderCommand(command, "act-runner-ts", "###"));
    }
  }
  return `${parts.join("\n\n")}\n`;
}

const INTRODUCTION = `# Commands

Made by \`node src/cli/write-reference.ts\` from the commands themselves; a test compares the two.

- A flag with a variable: the flag wins, then the variable, then the default. An empty variable counts as unset.
- Exit codes: 0 success · 1 failed (run, job, command) · 2 nothing to do or wrong usage · 130 interrupted.
- Results go to stdout, logs and errors to stderr. \`--json\` prints the shapes of the REST interface.
- Colours: on terminals only; \`NO_COLOR\` and \`FORCE_COLOR\` are honoured. \`DEBUG=*\` logs more and shows the stacks of errors.
- The server: \`--server\` or \`ACT_RUNNER_SERVER\`, else \`data/cli.json\` in the working directory or above (\`ACT_RUNNER_DATA_DIR\` names another
  data directory), else the last \`login\`. The API token: \`--api-token-file\` or \`ACT_RUNNER_API_TOKEN\`, else the one kept for that server.`;

function renderCommand(command: Command, parent: string, heading: string): string[] {
  const name = `${parent} ${command.name()}`;
  const summary = command.summary() || command.description();
  const parts = [`${heading} \`${name}\``, sentence(summary)];
  const children = command.commands;
  if (children.length > 0) {
    const example = examplesOf(command);
    return [...parts, ...example, ...children.flatMap((child) => renderCommand(child, name, `${heading}#`))];
  }
  parts.push(`\`\`\`\n${name} ${command.usage()}\n\`\`\``);
  const rows = [...command.registeredArguments.map(argumentRow), ...visibleOptions(command).map(optionRow)];
  if (rows.length > 0) parts.push(["| flag | variable | meaning |", "|---|---|---|", ...rows].join("\n"));
  return [...parts, ...examplesOf(command)];
}

/** Options that the help shows, without the help flag itself. */
export function visibleOptions(command: Command): readonly Option[] {
  return command.options.filter((option) => !option.hidden);
}

function argumentRow(argument: Command["registeredArguments"][number]): string {
  const choices = argument.argChoices === undefined ? "" : ` (${argument.argChoices.join(", ")})`;
  const name = `${argument.name()}${argument.variadic ? "…" : ""}`;
  return `| \`${argument.required ? `<${name}>` : `[${name}]`}\` | | ${cell(argument.description + choices)} |`;
}

function optionRow(option: Option): string {
  const choices = option.argChoices === undefined ? "" : ` (${option.argChoices.join(", ")})`;
  const fallback =
    option.defaultValue === undefined || option.negate ? "" : `; default \`${String(option.defaultValue)}\``;
  const variables = environmentNames(option).map((name) => `\`${name}\``);
  return `| \`${cell(option.flags)}\` | ${variables.join(", ")} | ${cell(option.description + choices)}${fallback} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** What a command adds below its help: the examples. */
function examplesOf(command: Command): string[] {
  let text = "";
  command.configureOutput({ writeOut: (piece) => (text += piece) });
  command.outputHelp();
  const at = text.indexOf("\nExample");
  if (at < 0) return [];
  const [block = "", ...notes] = text
    .slice(at + 1)
    .trim()
    .split("\n\n");
  const lines = block
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^ {2}/, ""));
  return [`\`\`\`sh\n${lines.join("\n")}\n\`\`\``, ...notes];
}
