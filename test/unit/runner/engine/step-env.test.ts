import { describe, expect, it } from "vitest";
import { composeStepEnv, type EnvLayers } from "../../../../src/runner/engine/step-env.ts";

const NONE: EnvLayers = { base: {}, low: {}, job: new Map(), step: new Map(), stage: {}, path: [], fixed: {} };

describe("composeStepEnv", () => {
  it("the later layer wins", () => {
    const env = composeStepEnv(
      {
        ...NONE,
        low: { A: "low", B: "low", C: "low", D: "low", E: "low" },
        job: new Map([
          ["B", "job"],
          ["C", "job"],
          ["D", "job"],
          ["E", "job"],
        ]),
        step: new Map([
          ["C", "step"],
          ["D", "step"],
          ["E", "step"],
        ]),
        stage: { D: "stage", E: "stage" },
        fixed: { E: "fixed" },
      },
      "linux",
    );
    expect(env).toEqual({ A: "low", B: "job", C: "step", D: "stage", E: "fixed", CI: "true" });
  });

  it("CI is set only where nobody set it", () => {
    expect(composeStepEnv({ ...NONE, job: new Map([["CI", ""]]) }, "linux")).toEqual({ CI: "" });
  });

  it.each([
    [["/b", "/a"], {}, { PATH: "/usr/bin" }, "/b:/a:/usr/bin"],
    [["/a"], { PATH: "/own" }, { PATH: "/usr/bin" }, "/a:/own"],
    [["/a"], {}, {}, "/a"],
  ])("puts directories in front of PATH %#", (path, step, base, expected) => {
    const env = composeStepEnv({ ...NONE, path, step: new Map(Object.entries(step)), base }, "linux");
    expect(env["PATH"]).toBe(expected);
  });

  it("leaves PATH to the environment when nothing was added", () => {
    expect(composeStepEnv({ ...NONE, base: { PATH: "/usr/bin" } }, "linux")).not.toHaveProperty("PATH");
  });

  it("names ignore case on Windows only", () => {
    const layers = { ...NONE, low: { Foo: "1" }, job: new Map([["FOO", "2"]]) };
    expect(composeStepEnv(layers, "win32")).toEqual({ Foo: "2", CI: "true" });
    expect(composeStepEnv(layers, "linux")).toEqual({ Foo: "1", FOO: "2", CI: "true" });
  });
});
