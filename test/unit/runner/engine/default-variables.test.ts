import { expect, it } from "vitest";
import { defaultVariables, runnerArch, runnerContext } from "../../../../src/runner/engine/default-variables.ts";

const PATHS = { workspace: "/jobs/1/repo/repo", temp: "/jobs/1/_temp", toolCache: "/tools" };
const FACTS = { name: "one", version: "9", debug: false, arch: "X64" };

it("exports the github context but for the token and the event", () => {
  const variables = defaultVariables(
    {
      sha: "abc",
      run_id: 41,
      ref_protected: false,
      base_ref: "",
      token: "secret",
      event: { a: 1 },
      other: "x",
      head_ref: null,
    },
    runnerContext(FACTS, PATHS, "linux"),
  );
  expect(variables).toEqual({
    GITHUB_ACTIONS: "true",
    GITHUB_SHA: "abc",
    GITHUB_RUN_ID: "41",
    GITHUB_REF_PROTECTED: "false",
    GITHUB_BASE_REF: "",
    GITHUB_HEAD_REF: "",
    RUNNER_OS: "Linux",
    RUNNER_ARCH: "X64",
    RUNNER_NAME: "one",
    RUNNER_ENVIRONMENT: "self-hosted",
    RUNNER_TEMP: "/jobs/1/_temp",
    RUNNER_TOOL_CACHE: "/tools",
    RUNNER_WORKSPACE: "/jobs/1/repo",
  });
});

it.each([
  ["darwin", "macOS"],
  ["win32", "Windows"],
  ["linux", "Linux"],
] as const)("%s is %s", (platform, os) => {
  expect(runnerContext({ ...FACTS, debug: true }, PATHS, platform)).toMatchObject({ os, debug: "1" });
});

it.each([
  ["x64", "X64"],
  ["arm64", "ARM64"],
  ["ia32", "X86"],
  ["riscv64", "RISCV64"],
])("%s is %s", (arch, name) => {
  expect(runnerArch(arch)).toBe(name);
});
