import { Argument, Command } from "commander";
import type { CliContext } from "../cli-context.ts";

/** `completion SHELL`: the names of the commands for the shell's Tab key. */
export function defineCompletion(context: CliContext): Command {
  return new Command("completion")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .addHelpText("after", '\nExample:\n  eval "$(act-runner-ts completion bash)"')
    .action((shell: string, _options: unknown, command: Command) => {
      context.stdout.write(completionScript(shell, command.parent?.commands ?? []));
    });
}

function completionScript(shell: string, commands: readonly Command[]): string {
  const names = commands.map((command) => command.name()).join(" ");
  if (shell === "fish") {
    const lines = commands.map(
      (command) =>
        `complete -c act-runner-ts -n __fish_use_subcommand -f -a ${command.name()} -d '${command.summary()}'\n`,
    );
    return lines.join("");
  }
  if (shell === "zsh") return `compdef '_arguments "1:command:(${names})" "*:file:_files"' act-runner-ts\n`;
  return [
    "_act_runner_ts() {",
    '  local word="${COMP_WORDS[COMP_CWORD]}"',
    `  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names}" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi`,
    "}",
    "complete -F _act_runner_ts act-runner-ts",
    "",
  ].join("\n");
}
