import { describe, expect, it } from "vitest";
import { CommandInterpreter } from "../../../../src/runner/engine/command-interpreter.ts";

function interpreter(options: { debug?: boolean; unsecure?: boolean } = {}) {
  return new CommandInterpreter({
    debug: options.debug ?? false,
    allowUnsecure: () => options.unsecure ?? false,
    relativePath: (file) => file.replace(/^\/work\//, ""),
  });
}

const kinds = (effects: readonly { kind: string }[] | undefined) => effects?.map((effect) => effect.kind);

describe("CommandInterpreter", () => {
  it.each([
    ["plain text", undefined],
    ["::set-output name=a::b", [{ kind: "output", name: "a", value: "b" }]],
    ["::save-state name=a::b", [{ kind: "state", name: "a", value: "b" }]],
    ["::add-mask::x", [{ kind: "mask", value: "x" }]],
    ["::group::Build", [{ kind: "line", text: "##[group]Build" }]],
    ["::endgroup::", [{ kind: "line", text: "##[endgroup]" }]],
    ["::debug::hidden", []],
    ["::add-matcher::m.json", [{ kind: "add-matcher", file: "m.json" }]],
    ["::remove-matcher owner=x::", [{ kind: "remove-matcher", owner: "x", file: "" }]],
  ])("%s", (line, effects) => {
    expect(interpreter().interpret(line)).toEqual(effects);
  });

  it("shows debug rows when asked to", () => {
    expect(interpreter({ debug: true }).interpret("::debug::a%0Ab")).toEqual([
      { kind: "line", text: "##[debug]a" },
      { kind: "line", text: "b" },
    ]);
  });

  it.each([
    "::set-output::x",
    "::set-env name=A::x",
    "::add-path::/x",
    "::echo::maybe",
    "::stop-commands::",
    "::stop-commands::warning",
    "::stop-commands::pause-logging",
  ])("%s fails the step", (line) => {
    expect(kinds(interpreter().interpret(line))).toEqual(["fail"]);
  });

  it("obeys the unsecure commands only when allowed", () => {
    const allowed = interpreter({ unsecure: true });
    expect(allowed.interpret("::set-env name=A::x")).toEqual([{ kind: "env", name: "A", value: "x" }]);
    expect(allowed.interpret("::add-path::/x")).toEqual([{ kind: "path", directory: "/x" }]);
  });

  it("warns of an empty mask and does not echo masks", () => {
    const commands = interpreter();
    commands.interpret("::echo::on");
    expect(commands.interpret("::add-mask::")).toEqual([
      { kind: "line", text: "##[warning]Cannot mask an empty value." },
    ]);
    expect(kinds(commands.interpret("::add-mask::x"))).toEqual(["mask"]);
    expect(kinds(commands.interpret("::set-output name=a::b"))).toEqual(["line", "output"]);
    commands.interpret("::echo::off");
    expect(kinds(commands.interpret("::set-output name=a::b"))).toEqual(["output"]);
  });

  it("leaves commands alone between stop-commands and its token", () => {
    const commands = interpreter();
    expect(commands.interpret("::stop-commands::token-77")).toEqual([{ kind: "mask", value: "token-77" }]);
    expect(commands.interpret("::set-output name=a::b")).toBeUndefined();
    expect(commands.interpret("::other::")).toBeUndefined();
    expect(commands.interpret("::token-77::")).toBeUndefined();
    expect(kinds(commands.interpret("::set-output name=a::b"))).toEqual(["output"]);
  });

  it.each([
    [
      "::error file=/work/a.ts,line=3,col=5::bad",
      "##[error]a.ts:3:5: bad",
      { level: "error", message: "bad", file: "a.ts", line: 3, column: 5 },
    ],
    ["::warning title=Lint::bad", "##[warning]Lint: bad", { level: "warning", message: "bad", title: "Lint" }],
    ["::notice line=3,endLine=2::x", "##[notice]x", { level: "notice", message: "x", line: 3 }],
    [
      "::notice file=a,line=3,endLine=4,col=1::x",
      "##[notice]a:3: x",
      { level: "notice", message: "x", file: "a", line: 3, endLine: 4 },
    ],
    [
      "::notice file=a,line=3,col=4,endColumn=2::x",
      "##[notice]a:3:4: x",
      { level: "notice", message: "x", file: "a", line: 3, column: 4 },
    ],
    ["::notice col=4::x", "##[notice]x", { level: "notice", message: "x" }],
  ])("%s", (line, text, annotation) => {
    expect(interpreter().interpret(line)).toEqual([
      { kind: "line", text },
      { kind: "annotation", annotation },
    ]);
  });

  it("keeps ten annotations of a level, and every row", () => {
    const commands = interpreter();
    const effects = Array.from({ length: 12 }, () => commands.interpret("::error::x") ?? []).flat();
    expect(effects.filter((effect) => effect.kind === "annotation")).toHaveLength(10);
    expect(effects.filter((effect) => effect.kind === "line")).toHaveLength(12);
    expect(kinds(commands.interpret("::warning::x"))).toEqual(["line", "annotation"]);
  });
});
