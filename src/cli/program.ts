import { Command, CommanderError } from "commander";
import type { CliContext } from "./cli-context.ts";
import { COMMANDS } from "./command-table.ts";
import { keepHeapSmall } from "./keep-heap-small.ts";
import { packageVersion } from "./package-version.ts";
import { applyEnvironment } from "./settings.ts";

/** Runs the command line `args` (without node and script). Throws what `reportError` understands. */
export async function runProgram(args: readonly string[], context: CliContext): Promise<void> {
  const program = await makeProgram(args, context);
  await program.parseAsync([...withDefaultList(program, args)], { from: "user" });
}

/** `runs` and `runs --json` mean `runs list`. Commander's default subcommand would take a misspelt one for an argument. */
function withDefaultList(program: Command, args: readonly string[]): readonly string[] {
  const group = program.commands.find((command) => command.name() === args[0]);
  const next = args[1];
  const hasList = group?.commands.some((command) => command.name() === "list") === true;
  const isBare = next === undefined || (next.startsWith("-") && next !== "-h" && next !== "--help");
  return hasList && isBare ? [group?.name() ?? "", "list", ...args.slice(1)] : args;
}

/** The root command. Of the subcommands only the one that `args` names is loaded; the others are there for help and suggestions. */
async function makeProgram(args: readonly string[], context: CliContext): Promise<Command> {
  const wanted = calledCommand(args);
  const program = new Command("act-runner-ts")
    .description("CI server and runner that speak Gitea's runner protocol")
    .usage("<command> [options]")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("after", EXAMPLES);
  if (args.includes("--version") || args.includes("-V")) program.version(await packageVersion(), "-V, --version");
  else program.option("-V, --version", "print the version");
  for (const { name, summary, group, load, smallHeap = false } of COMMANDS) {
    // Before its modules are loaded: that alone makes the heap grow, and it does not shrink again.
    if (name === wanted && smallHeap) keepHeapSmall();
    const command = name === wanted ? (await load())(context) : new Command(name);
    program.addCommand(command.summary(summary).helpGroup(group));
  }
  program.hook("preAction", (_, action) => {
    applyEnvironment(action, context.env);
  });
  prepare(program, context);
  if (wanted === undefined) refuse(program, args);
  return program;
}

/** All commands loaded, for the reference page and its test. */
export async function loadAllCommands(context: CliContext): Promise<Command[]> {
  return await Promise.all(
    COMMANDS.map(async ({ load, summary }) => {
      const command = (await load())(context).summary(summary);
      prepare(command, context);
      return command;
    }),
  );
}

const EXAMPLES = `
Examples:
  act-runner-ts up                                  server and runner on this machine
  act-runner-ts run .gitea/workflows/ci.yml --follow   run a workflow of this work tree on the server
  act-runner-ts exec -W .gitea/workflows/ci.yml     run it here, without a server
  act-runner-ts register --instance https://gitea.example --token-file token.txt

The server is found by ACT_RUNNER_SERVER and ACT_RUNNER_API_TOKEN, by data/cli.json in this directory or above, or by "login".
Exit codes: 0 success, 1 failed, 2 nothing to do or wrong usage, 130 interrupted.`;

/** The name of the command in `args`: the first word, or the one after `help`. */
function calledCommand(args: readonly string[]): string | undefined {
  const words = args.filter((arg) => !arg.startsWith("-"));
  return words[0] === "help" ? words[1] : words[0];
}

/** Errors are thrown, not printed; output goes through the context. Applies to a command and all below it. */
function prepare(command: Command, context: CliContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.stdout.write(text),
    writeErr: (text) => (text.startsWith("error:") ? undefined : context.stderr.write(text)),
    outputError: () => undefined,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  command.configureHelp({ sortOptions: false, showGlobalOptions: false, helpWidth: 110 });
  for (const child of command.commands) prepare(child, context);
}

/** Called without a command: the help as an answer, a usage error where flags were given. */
function refuse(program: Command, args: readonly string[]): void {
  program.action(() => {
    if (args.length === 0) {
      program.outputHelp();
      throw new CommanderError(2, "act-runner-ts.noCommand", "a command is missing");
    }
  });
}
