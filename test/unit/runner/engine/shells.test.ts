import { describe, expect, it } from "vitest";
import { defaultShells, namedShell, scriptText, shellArgv } from "../../../../src/runner/engine/shells.ts";

describe("shells", () => {
  it.each([
    ["bash", "bash --noprofile --norc -e -o pipefail /s"],
    ["sh", "sh -e /s"],
    ["python", "python /s"],
    ["pwsh", "pwsh -command . '/s'"],
    ["perl {0}", "perl /s"],
    ['bash -c "exec sh {0}"', "bash -c exec sh /s"],
    ["cmd", 'cmd /D /E:ON /V:OFF /S /C CALL "/s"'],
  ])("%s", (name, line) => {
    expect(shellArgv(namedShell(name), "/s").join(" ")).toBe(line);
  });

  it.each(["fish", "constructor", "perl"])("refuses %s", (name) => {
    expect(() => namedShell(name)).toThrow("{0}");
  });

  it("keeps a blank in the script's path in one argument", () => {
    expect(shellArgv(namedShell("bash"), "/a b")).toContain("/a b");
  });

  it.each([
    ["sh", "echo a", "echo a\n"],
    ["sh", "echo a\n", "echo a\n"],
    ["cmd", "echo a\necho b\n", "@echo off\r\necho a\r\necho b\r\n"],
  ])("writes the script of %s", (name, script, text) => {
    expect(scriptText(namedShell(name), script)).toBe(text);
  });

  it("PowerShell stops at the first error and passes on the exit code", () => {
    expect(scriptText(namedShell("pwsh"), "ls")).toMatch(/^\$ErrorActionPreference = 'stop'\nls\nif .*LASTEXITCODE/);
  });

  it.each([
    ["linux", false, ["bash", "sh"]],
    ["linux", true, ["sh"]],
    ["win32", false, ["pwsh", "powershell"]],
  ] as const)("defaults of %s, container %s", (platform, container, programs) => {
    expect(defaultShells(platform, container).map(([program]) => program)).toEqual(programs);
  });
});
