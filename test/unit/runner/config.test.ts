import { describe, expect, it } from "vitest";
import { parseDuration } from "../../../src/lib/duration.ts";
import { compileConfig, parseEnvText } from "../../../src/runner/config.ts";
import { SETTINGS } from "../../../src/runner/settings.ts";

const file = (text: string) => ({ file: { text, name: "config.yaml" } });

describe("compileConfig", () => {
  it("has the defaults of Gitea's runner", () => {
    const { config, warnings } = compileConfig({});
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      runnerFile: ".runner",
      capacity: 1,
      jobTimeoutMs: 10_800_000,
      shutdownTimeoutMs: 0,
      fetchTimeoutMs: 5_000,
      fetchIntervalMs: 2_000,
      fetchIntervalMaxMs: 5_000,
      heartbeatMs: 5_000,
      labels: [],
      envs: {},
      metricsAddress: undefined,
    });
  });

  it("flag over variable over file over default", () => {
    const sources = file(
      "runner:\n  capacity: 2\n  timeout: 1h30m\n  labels: [a, 'b:docker://x']\n  envs:\n    A: 1\n",
    );
    expect(compileConfig(sources).config).toMatchObject({
      capacity: 2,
      jobTimeoutMs: 5_400_000,
      labels: ["a", "b:docker://x"],
      envs: { A: "1" },
    });
    const env = { ACT_RUNNER_CAPACITY: "3", ACT_RUNNER_LABELS: "c, d" };
    expect(compileConfig({ ...sources, env }).config).toMatchObject({ capacity: 3, labels: ["c", "d"] });
    expect(compileConfig({ ...sources, env, flags: { "runner.capacity": "4" } }).config.capacity).toBe(4);
  });

  it("an empty value in the file, or an empty section, is the default", () => {
    const { config, warnings } = compileConfig(file("log:\nrunner:\n  capacity:\n  labels:\ncontainer: {}\n"));
    expect(config.capacity).toBe(1);
    expect(warnings).toEqual([]);
  });

  it("names unknown keys with their line and what was meant", () => {
    const { warnings } = compileConfig(file("runner:\n  capactiy: 2\nrunners:\n  x: 1\n"));
    expect(warnings).toEqual([
      "config.yaml, line 2: 'runner.capactiy' is not a key; do you mean 'runner.capacity'?",
      expect.stringContaining("config.yaml, line 3: 'runners' is not a key"),
    ]);
  });

  it("names known keys without effect", () => {
    expect(compileConfig(file("cache:\n  external_secret: x\n")).warnings).toEqual([
      "config.yaml, line 2: 'cache.external_secret' is known, but has no effect yet",
    ]);
  });

  it.each([
    ["runner:\n  timeout: soon\n", "config.yaml, line 2: 'runner.timeout' cannot be 'soon'"],
    ["runner:\n  capacity: [1]\n", "has to be a number"],
    ["runner:\n  insecure: maybe\n", "true or false"],
    ["runner: [", "this is not YAML"],
  ])("refuses %j", (text, message) => {
    expect(() => compileConfig(file(text))).toThrow(message);
  });

  it("raises what contradicts", () => {
    const { config } = compileConfig(file("runner:\n  fetch_interval: 9s\n  fetch_timeout: 5m\n  capacity: 0\n"));
    expect(config).toMatchObject({ fetchIntervalMaxMs: 9_000, fetchTimeoutMs: 60_000, capacity: 1 });
  });

  it("reads what is said of actions and hooks", () => {
    expect(compileConfig({}).config).toMatchObject({ githubMirror: "", builtinActions: true, patchActions: true });
    const text =
      "runner:\n  github_mirror: file:///m\n  builtin_actions: false\n  patch_actions: false\n  hooks:\n    job_started: /a\n    job_completed: /b\ncache:\n  offline_mode: true\n";
    const { config, warnings } = compileConfig(file(text));
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      ...{ githubMirror: "file:///m", builtinActions: false, patchActions: false, offlineActions: true },
      ...{ hookStarted: "/a", hookCompleted: "/b" },
    });
  });

  it("every setting has a variable of its own, and a text", () => {
    expect(new Set(SETTINGS.map((setting) => setting.variable)).size).toBe(SETTINGS.length);
    for (const setting of SETTINGS) {
      expect(setting.variable).toMatch(/^ACT_RUNNER_[A-Z0-9_]+$/);
      expect(setting.text).toMatch(/\.$/);
    }
  });
});

describe("parseDuration", () => {
  it.each([
    ["3h", 10_800_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
    ["250ms", 250],
    ["0", 0],
    ["0s", 0],
    ["", undefined],
    ["5", undefined],
    ["h", undefined],
    ["1d", undefined],
    ["-1s", undefined],
  ])("%s", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
});

describe("parseEnvText", () => {
  it("reads a .env file", () => {
    expect(parseEnvText("# no\nA=1\n\nexport B = two words \nC='x=y'\nD=\nE=\"q\"\nbad line\n")).toEqual({
      A: "1",
      B: "two words",
      C: "x=y",
      D: "",
      E: "q",
    });
  });
});
