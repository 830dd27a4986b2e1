import { Command } from "commander";
import { afterEach, expect, test, vi } from "vitest";
import { applyEnvironment, collect, commaList, keyValue, setting, wholeNumber } from "../../../src/cli/settings.ts";

afterEach(() => vi.unstubAllEnvs());

function parse(args: string[], env: Record<string, string>) {
  vi.unstubAllEnvs();
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const command = new Command("x")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addOption(setting("--data-dir <dir>", "", { default: "./data", aliases: ["OTHER_DIR"] }))
    .addOption(setting("--once", ""))
    .addOption(setting("--labels <list>", "", { parse: commaList }))
    .addOption(setting("--pool <n>", "", { parse: wholeNumber(1) }))
    .action(() => {});
  command.parse(args, { from: "user" });
  applyEnvironment(command, env);
  return command.opts();
}

test("flag, then variable, then other names, then default", () => {
  const own = { ACT_RUNNER_DATA_DIR: "env", OTHER_DIR: "other" };
  expect(parse(["--data-dir", "flag"], own)).toMatchObject({ dataDir: "flag" });
  expect(parse([], own)).toMatchObject({ dataDir: "env" });
  expect(parse([], { ACT_RUNNER_DATA_DIR: "", OTHER_DIR: "other" })).toMatchObject({ dataDir: "other" });
  expect(parse([], { ACT_RUNNER_DATA_DIR: "", OTHER_DIR: "" })).toMatchObject({ dataDir: "./data" });
});

test.each([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
  ["no", false],
])("a flag's variable may be %s", (text, value) => {
  expect(parse([], { ACT_RUNNER_ONCE: text })["once"]).toBe(value);
});

test("an empty variable of a flag counts as unset", () => {
  expect(parse([], { ACT_RUNNER_ONCE: "" })["once"]).toBeUndefined();
});

test("values of variables are parsed like those of flags", () => {
  expect(parse([], { ACT_RUNNER_LABELS: "a, b:docker://c,", ACT_RUNNER_POOL: "3" })).toMatchObject({
    labels: ["a", "b:docker://c"],
    pool: 3,
  });
  expect(() => parse([], { ACT_RUNNER_POOL: "0" })).toThrow(/ACT_RUNNER_POOL/);
  expect(() => parse([], { ACT_RUNNER_ONCE: "maybe" })).toThrow(/ACT_RUNNER_ONCE/);
});

test("repeated lists add up", () => {
  expect(parse(["--labels", "a", "--labels", "b,c"], {})).toMatchObject({ labels: ["a", "b", "c"] });
  expect(collect("x,y", ["a"])).toEqual(["a", "x,y"]);
});

test("pairs keep what follows the first =", () => {
  expect(keyValue("A=b=c", "--env")).toEqual(["A", "b=c"]);
  expect(() => keyValue("=b", "--env")).toThrow(/NAME=VALUE/);
});
