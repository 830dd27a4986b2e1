import { describe, expect, test } from "vitest";
import { parseWorkflow } from "../../../src/workflow/parse-workflow.ts";
import { Findings } from "../../../src/workflow/reader/findings.ts";
import { readYaml } from "../../../src/workflow/reader/read-yaml.ts";
import { workflow } from "./evaluate.ts";

function found(source: string): string[] {
  return parseWorkflow(source).diagnostics.map(
    ({ severity, code, range }) => `${severity} ${code} ${range.line}:${range.column}`,
  );
}

describe("parseWorkflow", () => {
  test("reports every mistake at once, with its place", () => {
    const source = `on: push
jobs:
  a.b:
    runs-on: x
    steps: [{run: "\${{ foo.bar }}"}]
  b:
    needs: [c, nope]
    steps:
      - {run: x, uses: y/z@v1}
      - {uses: bad}
  c:
    runs-on: x
    timeout-minutes: soon
    stepz: []
    steps: [{run: x, id: s}, {run: x, id: S}, {background: true, run: x}]
`;
    expect(found(source)).toEqual([
      "error bad-identifier 3:3",
      "error bad-expression 5:19",
      "error missing-key 7:5",
      "error unknown-need 7:16",
      "error run-and-uses 9:18",
      "error bad-uses 10:16",
      "error wrong-type 13:22",
      "warning unknown-key 14:5",
      "error duplicate-id 15:43",
      "error not-supported 15:48",
    ]);
  });

  test.each([
    ["", "error empty-file 1:1"],
    ["a: [", "error yaml-syntax 1:5"],
    ["on: push\njobs: {a: {runs-on: x, steps: [{run: *y}]}}", "error unknown-alias 2:38"],
    ["- a", "error wrong-type 1:1"],
    ["on: push\njobs: {a: {runs-on: x, needs: a, steps: []}}", "error no-root 2:8"],
    ["on: push\njobs: {a: {runs-on: x, requeue: sometimes, steps: []}}", "error wrong-value 2:33"],
    ["on: push\njobs: {a: {uses: ./b.yml, requeue: never}}", "error uses-and-own-keys 2:12"],
    ["on: push\non: push\njobs: {a: {runs-on: x, steps: []}}", "error duplicate-key 2:1"],
  ])("refuses %j", (source, finding) => expect(found(source)).toContain(finding));

  test("names the key that was probably meant", () => {
    const { diagnostics } = parseWorkflow("on: push\njobs: {a: {runs_on: x, runs-on: x, steps: []}}");
    expect(diagnostics[0]?.message).toContain("did you mean 'runs-on'?");
  });

  test("a context that GitHub does not offer in that place is a warning", () => {
    const source = "on: push\njobs: {a: {runs-on: x, if: secrets.a == '', steps: []}}";
    expect(found(source)).toEqual(["warning unavailable-context 2:28"]);
    expect(parseWorkflow(source).workflow).toBeDefined();
  });

  test.each(["constructor", "__proto__", "valueOf", "hasOwnProperty"])("'%s' is an ordinary name", (name) => {
    const source = `on: push\n${name}: 1\nenv: {${name}: x}\njobs: {a: {runs-on: x, steps: [{run: x, env: {${name}: y}}]}}`;
    expect(found(source)).toEqual(["warning unknown-key 2:1"]);
    expect(parseWorkflow(source).workflow?.env).toMatchObject({ entries: [{ key: { value: name } }] });
  });

  test.each([
    ["commas", `x: [${",".repeat(500_000)}]`],
    ["colons", `x: {${": ".repeat(400_000)}}`],
    ["tags", `x: ${"!!str ".repeat(90_000)}a`],
    ["anchors", `x: ${"&a ".repeat(90_000)}a`],
    ["line ends", `x:${"\n".repeat(900_000)}`],
    ["keys in one line, again and again", `x:\n${" a: b: c\n".repeat(20_000)}`],
  ])("refuses a file of %s before it costs seconds", (_, hostile) => {
    const rest = "\non: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}";
    expect(found(hostile + rest)).toEqual(["error limit-exceeded 1:1"]);
  });

  test("long lists are not hostile, however they are written", () => {
    const many = Array.from({ length: 2_000 }, (_, index) => index);
    const lists = [
      `x: [${many.map((index) => `'${index}'`).join(", ")}]`,
      `x: [${many.map((index) => -index).join(", ")}]`,
      `x: [${many.map((index) => `!!str "${index}"`).join(", ")}]`,
      `x:\r\n${many.map((index) => `  - ${index}\r\n`).join("")}`,
      `x:\n${many.map((index) => `  k${index}:\n`).join("")}`,
      `x:\n${many.map((index) => `  - &a${index} !!str :${index}\n`).join("")}`,
    ];
    for (const list of lists) {
      expect(found(`${list}\non: push\njobs: {a: {runs-on: x, steps: [{run: x}]}}`)).toEqual([
        "warning unknown-key 1:1",
      ]);
    }
  });

  test("anchors, aliases and merge keys", () => {
    const { jobs } = workflow(`on: push
x-base: &base {runs-on: linux, timeout-minutes: 5}
jobs:
  a: {<<: *base, timeout-minutes: 7, steps: &steps [{run: one}]}
  b: {<<: [*base, {name: B}], needs: A, steps: *steps}
`);
    expect(jobs.get("a")).toMatchObject({ runsOn: { value: "linux" }, timeoutMinutes: { value: 7 } });
    expect(jobs.get("b")).toMatchObject({ needs: ["a"], name: { value: "B" }, timeoutMinutes: { value: 5 } });
    expect(jobs.get("b")?.steps).toHaveLength(1);
  });

  test("an alias means the anchor before it, also inside of what is expanded", () => {
    const { env } = workflow(`on: push
env:
  A: &x one
  B: *x
  C: &x two
  D: *x
jobs: {a: {runs-on: x, steps: []}}
`);
    const values = env?.kind === "mapping" ? env.entries.map(({ value }) => "value" in value && value.value) : [];
    expect(values).toEqual(["one", "one", "two", "two"]);
  });

  test("an if keeps its meaning in its text", () => {
    const { jobs } = workflow(`on: push
jobs:
  a: {runs-on: x, if: "github.ref == 'x' || true", steps: []}
  b: {runs-on: x, if: "\${{ contains(fromJSON('[]'), always()) }}", steps: []}
  c: {runs-on: x, if: "\${{ github.ref }} == 'x'", steps: []}
`);
    expect([...jobs.values()].map((job) => job.if?.expression.source)).toEqual([
      "success() && (github.ref == 'x' || true)",
      "contains(fromJSON('[]'), always())",
      "success() && (format('{0} == ''x''', github.ref))",
    ]);
  });
});

describe("limits", () => {
  test("an alias bomb is refused after 100,000 nodes", () => {
    const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
    for (let level = 1; level <= 7; level++) {
      const alias = `*a${level - 1}`;
      lines.push(`a${level}: &a${level} [${Array(10).fill(alias).join(",")}]`);
    }
    const findings = new Findings();
    const { visited } = readYaml(lines.join("\n"), findings);
    expect(findings.sorted().map(({ code }) => code)).toEqual(["limit-exceeded"]);
    expect(visited).toBe(100_001);
  });

  test("a bomb of merge keys is refused as well", () => {
    const lines = ["a0: &a0 {x: 1}"];
    for (let level = 1; level <= 20; level++) {
      lines.push(
        `a${level}: &a${level} {<<: [${Array(10)
          .fill(`*a${level - 1}`)
          .join(", ")}]}`,
      );
    }
    const findings = new Findings();
    expect(readYaml(lines.join("\n"), findings).visited).toBeLessThanOrEqual(100_001);
    expect(findings.failed).toBe(true);
  });

  test.each([
    ["too many values", "- x\n".repeat(100_001)],
    ["deep flow", "[".repeat(100_000)],
    ["deep block on one line", "- ".repeat(100_000)],
    ["more than 1 MiB", `a: ${"x".repeat(1024 * 1024)}`],
  ])("%s is refused before it is parsed", (_, source) => {
    const findings = new Findings();
    expect(readYaml(source, findings).visited).toBe(0);
    expect(findings.sorted().map(({ code }) => code)).toEqual(["limit-exceeded"]);
  });

  test("an alias inside of its own anchor", () => {
    expect(found("on: push\nenv: &a {x: *a}\njobs: {}")).toContain("error limit-exceeded 2:9");
  });

  test("more than 100 findings are cut", () => {
    const codes = found(`on: push\njobs:\n${Array.from({ length: 200 }, (_, index) => `  j${index}: x`).join("\n")}`);
    expect(codes).toHaveLength(101);
    expect(codes.at(-1)).toBe("error too-many-findings 103:9");
  });

  test("more than 256 jobs", () => {
    const jobs = Array.from({ length: 257 }, (_, index) => `  j${index}: {runs-on: x, steps: []}`);
    expect(found(`on: push\njobs:\n${jobs.join("\n")}`)).toContain("error too-many-jobs 3:3");
  });
});
