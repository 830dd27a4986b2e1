import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../src/lib/json.ts";
import { decideJob } from "../../../src/workflow/decide-job.ts";
import { expandJob } from "../../../src/workflow/expand-job.ts";
import { fromJson, toJson } from "../../../src/workflow/expressions/value.ts";
import { type JobOutcome, type JobResult, mergeLegs, needsContext } from "../../../src/workflow/needs-context.ts";
import { planRun } from "../../../src/workflow/plan-run.ts";
import { job, workflow } from "./evaluate.ts";

const base = (github: JsonValue = {}) => ({ github: fromJson(github), inputs: null, vars: null });

function plan(jobs: string, github: JsonValue = {}) {
  return planRun(workflow(`on: push\nrun-name: run \${{ github.title }}\njobs:\n${jobs}`), base(github));
}

describe("planRun", () => {
  test("jobs come after their needs, else in file order", () => {
    const { jobs, runName } = plan(
      "  c: {needs: [b, A], runs-on: x, steps: []}\n  b: {needs: a, runs-on: x, steps: []}\n  a: {runs-on: x, steps: []}\n",
      { title: "T" },
    );
    expect(jobs.map(({ key, needs }) => [key, ...needs])).toEqual([["a"], ["b", "a"], ["c", "b", "a"]]);
    expect(runName).toBe("run T");
  });

  test("legs have names, labels and the settings of the strategy", () => {
    const { jobs } = plan(`  a:
    runs-on: ["\${{ matrix.os }}", big]
    continue-on-error: \${{ matrix.os == 'w' }}
    strategy: {fail-fast: false, max-parallel: 2, matrix: {os: [l, w]}}
    steps: []
`);
    const common = { total: 2, failFast: false, maxParallel: 2 };
    expect(jobs[0]).toMatchObject({
      dynamic: false,
      legs: [
        { ...common, index: 0, name: "a (l)", matrix: { os: "l" }, runsOn: ["l", "big"], continueOnError: false },
        { ...common, index: 1, name: "a (w)", matrix: { os: "w" }, runsOn: ["w", "big"], continueOnError: true },
      ],
    });
  });

  test.each([
    ["", "a (1)"],
    ["name: N", "N (1)"],
    ["name: 'N ${{ matrix.n }}'", "N 1"],
    ["name: ''", "a (1)"],
  ])("the name of a leg with %j is %j", (name, expected) => {
    const definition = job(`a:\n  runs-on: x\n  strategy: {matrix: {n: [1]}}\n  steps: []\n  ${name}`);
    expect(expandJob(definition, base())[0]?.name).toBe(expected);
  });

  test("a job whose shape depends on its needs is expanded later", () => {
    const { jobs } = plan(`  a: {runs-on: x, steps: []}
  b: {needs: a, runs-on: x, strategy: {matrix: "\${{ fromJSON(needs.a.outputs.m) }}"}, steps: []}
`);
    const b = jobs[1];
    expect(b?.dynamic).toBe(true);
    const needs = needsContext(new Map([["a", [{ result: "success", outputs: { m: '{"n":[1,2]}' } }]]]));
    expect(expandJob(b?.definition as never, { ...base(), needs }).map(({ name }) => name)).toEqual(["b (1)", "b (2)"]);
  });

  test("what cannot be evaluated is a diagnostic at its job", () => {
    const { diagnostics } = plan(`  a: {runs-on: "\${{ github.none }}", steps: []}
  b: {runs-on: x, strategy: {matrix: "\${{ fromJSON('{}') }}"}, steps: []}
  c: {runs-on: "\${{ hashFiles('x') }}", steps: []}
`);
    expect(diagnostics.map(({ message, range }) => `${range.line} ${message}`)).toEqual([
      "4 Job 'a' cannot be expanded: runs-on is empty; name at least one label of a runner",
      "5 Job 'b' cannot be expanded: The matrix has no combinations; give it a vector with values or an 'include'",
      "6 Job 'c' uses hashFiles() outside of its steps; move it into a step",
    ]);
  });

  test("more than 256 jobs with their legs", () => {
    const n = JSON.stringify(Array.from({ length: 200 }, (_, index) => index));
    const { diagnostics } = plan(
      `  a: {runs-on: x, strategy: {matrix: {n: ${n}}}, steps: []}\n  b: {runs-on: x, strategy: {matrix: {n: ${n}}}, steps: []}\n`,
    );
    expect(diagnostics.map(({ code }) => code)).toEqual(["too-many-jobs"]);
  });
});

describe("decideJob", () => {
  const decide = (condition: string | undefined, results: JobResult[], runCancelled = false) => {
    const line = condition === undefined ? "" : `\n  if: ${condition}`;
    const ancestors = new Map(results.map((result, index) => [`j${index}`, result]));
    return decideJob(job(`a:\n  runs-on: x\n  steps: []${line}`), {
      contexts: base({ ref: "r" }),
      ancestors,
      runCancelled,
    }).kind;
  };

  test.each<[string | undefined, JobResult[], string]>([
    [undefined, [], "run"],
    [undefined, ["success", "success"], "run"],
    [undefined, ["success", "skipped"], "skip"],
    [undefined, ["failure"], "skip"],
    ["github.ref == 'r'", ["success"], "run"],
    ["github.ref == 'r'", ["failure"], "skip"],
    ["always()", ["failure", "cancelled"], "run"],
    ["failure()", ["success", "failure"], "run"],
    ["failure()", ["skipped"], "skip"],
    ["success('J0')", ["success", "failure"], "run"],
    ["failure('j0')", ["success", "failure"], "skip"],
    ["'!always()'", ["success"], "skip"],
    ["success('nope')", ["success"], "skip"],
    ["fromJSON('')", [], "error"],
    ["hashFiles('x')", [], "error"],
  ])("if: %s after %j is %s", (condition, results, decision) => expect(decide(condition, results)).toBe(decision));

  test("a cancelled run starts only what asks for it", () => {
    expect(decide(undefined, ["success"], true)).toBe("skip");
    expect(decide("cancelled()", ["success"], true)).toBe("run");
    expect(decide("always()", ["success"], true)).toBe("run");
    expect(decide("cancelled()", ["cancelled"], false)).toBe("skip");
  });
});

describe("needs", () => {
  const leg = (result: JobResult, outputs: Record<string, string> = {}): JobOutcome => ({ result, outputs });

  test.each<[JobResult[], JobResult]>([
    [["success", "failure", "cancelled"], "failure"],
    [["success", "cancelled"], "cancelled"],
    [["success", "skipped"], "success"],
    [["skipped"], "skipped"],
    [[], "skipped"],
  ])("%j is %s", (results, merged) => expect(mergeLegs(results.map((result) => leg(result))).result).toBe(merged));

  test("of outputs a later one wins unless it is empty (go-gitea#32795)", () => {
    const legs = [leg("success", { a: "1", b: "" }), leg("success", { a: "", b: "2" }), leg("success", { a: "3" })];
    expect(toJson(needsContext(new Map([["x", legs]])))).toEqual({
      x: { result: "success", outputs: { a: "3", b: "2" } },
    });
  });
});
