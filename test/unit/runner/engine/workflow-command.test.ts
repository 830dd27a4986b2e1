import { describe, expect, it } from "vitest";
import { parseResume, parseWorkflowCommand } from "../../../../src/runner/engine/workflow-command.ts";

const parse = (line: string) => {
  const command = parseWorkflowCommand(line);
  return command && [command.name, Object.fromEntries(command.properties), command.data];
};

describe("parseWorkflowCommand", () => {
  it.each<[string, [string, Record<string, string>, string] | undefined]>([
    ["::set-output name=a::b", ["set-output", { name: "a" }, "b"]],
    ["  ::warning::text", ["warning", {}, "text"]],
    ["::ERROR File=a,Line=3::text", ["error", { file: "a", line: "3" }, "text"]],
    ["::error file=a%2Cb%3Ac::x%0Ay%25", ["error", { file: "a,b:c" }, "x\ny%"]],
    ["::debug::%250A", ["debug", {}, "%0A"]],
    ["::notice title=a=b::x", ["notice", { title: "a=b" }, "x"]],
    ["::group::a::b", ["group", {}, "a::b"]],
    ["::endgroup::", ["endgroup", {}, ""]],
    ["::error ,,x=,=y::z", ["error", { x: "" }, "z"]],
    ["##[warning]text", ["warning", {}, "text"]],
    ["prefix ##[set-output name=a;x=1]b%5D", ["set-output", { name: "a", x: "1" }, "b]"]],
    ["::unknown::x", undefined],
    ["text ::warning::x", undefined],
    ["::warning", undefined],
    ["##[unknown]x", undefined],
    ["std::vector<int>::size", undefined],
    ["", undefined],
  ])("%s", (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  it("reads the line that resumes commands", () => {
    expect(parseResume(" ::token-1:: ")).toBe("token-1");
    expect(parseResume("::a::b")).toBeUndefined();
  });
});
