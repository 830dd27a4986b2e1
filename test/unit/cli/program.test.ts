import { readdir, readFile } from "node:fs/promises";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { COMMANDS } from "../../../src/cli/command-table.ts";
import { loadAllCommands, runProgram } from "../../../src/cli/program.ts";
import { renderReference, visibleOptions } from "../../../src/cli/reference.ts";
import { reportError } from "../../../src/cli/report-error.ts";
import { renderSettings } from "../../../src/cli/settings-reference.ts";
import { SETTINGS } from "../../../src/runner/settings.ts";
import { testContext } from "./support.ts";

async function run(...args: string[]) {
  const { context, out, err, exitCode } = testContext({ env: { HOME: "/nonexistent" } });
  const code = await runProgram(args, context).then(exitCode, (error: unknown) => reportError(error, context));
  return { code, out: out(), err: err() };
}

/** A command and everything below it. */
function withChildren(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

test("every file of commands is in the table, under its own name", async () => {
  const files = await readdir(new URL("../../../src/cli/commands", import.meta.url));
  expect(files.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual(COMMANDS.map(({ name }) => name).sort());
  const commands = await loadAllCommands(testContext().context);
  expect(commands.map((command) => command.name())).toEqual(COMMANDS.map(({ name }) => name));
});

test("every command and flag says what it does; everything that is shown can be shown as JSON", async () => {
  const commands = (await loadAllCommands(testContext().context)).flatMap(withChildren);
  for (const command of commands) {
    expect(command.summary() || command.description(), command.name()).not.toBe("");
    for (const option of command.options) expect(option.description, `${command.name()} ${option.flags}`).not.toBe("");
    for (const argument of command.registeredArguments) expect(argument.description, command.name()).not.toBe("");
    const talks = command.options.some((option) => option.long === "--api-token-file") && command.name() !== "login";
    if (talks)
      expect(
        command.options.map((option) => option.long),
        command.name(),
      ).toContain("--json");
  }
});

test("every setting of a program has a variable", async () => {
  const commands = await loadAllCommands(testContext().context);
  const exempt = new Set(["--token", "--no-interactive", "--json"]);
  for (const command of commands) {
    if (!["up", "server", "daemon", "join", "register"].includes(command.name())) continue;
    for (const option of visibleOptions(command)) {
      if (!exempt.has(option.long ?? ""))
        expect(option.envVar, `${command.name()} ${option.flags}`).toMatch(/^ACT_RUNNER_[A-Z_]+$/);
    }
  }
});

test("no flag takes a secret in the command line but register's --token, which Gitea's scripts use", async () => {
  const commands = (await loadAllCommands(testContext().context)).flatMap(withChildren);
  const secrets = commands.flatMap((command) =>
    command.options
      .filter(
        ({ long }) =>
          /token|secret|password|key/.test(long ?? "") && !/-(file|name|lifetime|overlap)$/.test(long ?? ""),
      )
      .map(({ long }) => `${command.name()} ${long}`),
  );
  expect(secrets).toEqual(["register --token", "exec --secret"]);
});

test("docs/reference/cli.md is what the commands say", async () => {
  const page = await readFile(new URL("../../../docs/reference/cli.md", import.meta.url), "utf8");
  const made = renderReference(COMMANDS, await loadAllCommands(testContext().context));
  expect(page, "run: npx node src/cli/write-reference.ts").toBe(made);
});

test("docs/reference/config.md is what the settings table says", async () => {
  const page = await readFile(new URL("../../../docs/reference/config.md", import.meta.url), "utf8");
  expect(page, "run: npx node src/cli/write-reference.ts").toBe(renderSettings(SETTINGS));
});

test("the help names every command", async () => {
  const { code, out } = await run("--help");
  expect(code).toBe(0);
  for (const { name, summary } of COMMANDS)
    expect(out).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 10).replace(/[()]/g, ".")}`, "m"));
});

test.each(COMMANDS.map(({ name }) => name))("%s --help works and shows an example", async (name) => {
  const { code, out } = await run(name, "--help");
  expect(code).toBe(0);
  expect(out).toContain(`Usage: act-runner-ts ${name}`);
  expect(out).toMatch(/\nExamples?:\n/);
  expect(await run("help", name)).toEqual({ code, out, err: "" });
});

test("the version", async () => {
  expect((await run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [["rnu"], "unknown command 'rnu': did you mean run?"],
  [["run", "x.yml", "--folow"], "unknown option '--folow': did you mean --follow?"],
  [["runs", "shwo", "3"], "unknown command 'shwo': did you mean show?"],
  [["run"], "missing required argument 'workflow': see --help"],
  [
    ["runs", "show", "x"],
    "command-argument value 'x' is invalid for argument 'run'. a whole number from 1 is expected.: see --help",
  ],
  [
    ["server", "--log-level", "loud"],
    "option '--log-level <level>' argument 'loud' is invalid. Allowed choices are trace, debug, info, warn, error, fatal, silent.: see --help",
  ],
  [["secrets", "list", "-R", "nonsense", "--server", "http://127.0.0.1:9"], "no API token for http://127.0.0.1:9"],
])("%j", async (args, message) => {
  const { code, err } = await run(...args);
  expect(err).toContain(`act-runner-ts: ${message}`);
  expect(err.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(message.startsWith("no API") ? 1 : 2);
});

test("called without anything it shows the help and exits with 2", async () => {
  const { code, out } = await run();
  expect(code).toBe(2);
  expect(out).toContain("Usage: act-runner-ts <command>");
});
