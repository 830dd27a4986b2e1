import { describe, expect, it } from "vitest";
import { AppError } from "../../../../src/lib/errors.ts";
import {
  concludeStep,
  decideStep,
  jobResult,
  meaningOfExit,
  mergeStatus,
  statusAfter,
  survivesCancel,
} from "../../../../src/runner/engine/step-rules.ts";

const ok = <T>(value: T) => ({ ok: true, value }) as const;
const bad = { ok: false, message: "wrong" } as const;

describe("step rules", () => {
  it.each([
    [ok({}), ok(true), { kind: "run" }],
    [ok({}), ok(false), { kind: "skip" }],
    [bad, ok(true), { kind: "fail", message: "wrong" }],
    [ok({}), bad, { kind: "fail", message: "wrong" }],
  ])("decides a step %#", (env, condition, decision) => {
    expect(decideStep(env, condition)).toEqual(decision);
  });

  it.each([
    ["success", "success", "success"],
    ["success", "failure", "failure"],
    ["failure", "success", "failure"],
    ["cancelled", "failure", "cancelled"],
    ["failure", "cancelled", "cancelled"],
  ] as const)("merges %s and %s to %s", (a, b, merged) => {
    expect(mergeStatus(a, b)).toBe(merged);
  });

  it.each([
    ["failure", false, "failure"],
    ["failure", true, "success"],
    ["success", true, "success"],
    ["cancelled", true, "cancelled"],
  ] as const)("concludes %s with continue-on-error %s as %s", (outcome, allowed, conclusion) => {
    expect(concludeStep(outcome, allowed)).toBe(conclusion);
  });

  it.each([
    ["success", "skipped", "success"],
    ["success", "failure", "failure"],
    ["failure", "success", "failure"],
    ["cancelled", "success", "cancelled"],
  ] as const)("a job that is %s after a step that is %s is %s", (status, conclusion, after) => {
    expect(statusAfter(status, conclusion)).toBe(after);
  });

  it("a step survives a cancel when its condition still holds", () => {
    expect([survivesCancel(ok(true)), survivesCancel(ok(false)), survivesCancel(bad)]).toEqual([true, false, false]);
  });

  it.each([
    [{ kind: "exited", code: 0 }, undefined, "success", ""],
    [{ kind: "exited", code: 3 }, undefined, "failure", "exit code 3"],
    [{ kind: "exited", code: 137, outOfMemory: true }, undefined, "failure", "memory"],
    [{ kind: "exited", code: 0 }, "cancelled", "cancelled", "canceled"],
    [{ kind: "exited", code: 130 }, "step-timeout", "failure", "timed out after 2 minutes"],
    [{ kind: "killed", reason: "timeout" }, "step-timeout", "failure", "timed out after 2 minutes"],
    [{ kind: "killed", reason: "timeout" }, "timeout", "cancelled", "canceled"],
    [{ kind: "killed", reason: "cancelled" }, "cancelled", "cancelled", "canceled"],
    [
      { kind: "not-started", error: new AppError("not_found", "no such program") },
      undefined,
      "failure",
      "no such program",
    ],
  ] as const)("reads an exit %#", (exit, stop, outcome, words) => {
    const meaning = meaningOfExit(exit, stop, 2);
    expect(meaning.outcome).toBe(outcome);
    expect(meaning.message ?? "").toContain(words);
  });

  it("a job whose time ran out fails, a cancelled one is cancelled", () => {
    expect(jobResult("cancelled", "timeout")).toBe("failure");
    expect(jobResult("cancelled", "cancelled")).toBe("cancelled");
    expect(jobResult("success", undefined)).toBe("success");
  });
});
