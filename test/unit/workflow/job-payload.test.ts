import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { JsonValue } from "../../../src/lib/json.ts";
import { evaluateTemplate } from "../../../src/workflow/evaluate-template.ts";
import { expandJob } from "../../../src/workflow/expand-job.ts";
import { fromJson, toJson } from "../../../src/workflow/expressions/value.ts";
import { openPayloads } from "../../../src/workflow/job-payload.ts";
import type { Template } from "../../../src/workflow/model.ts";
import { contexts, workflow } from "./evaluate.ts";
import { readVector, vectorFiles } from "./reader-vectors.ts";

const SOURCE = `# a comment
name: "CI: x"
run-name: by \${{ github.actor }}
on: {push: {branches: [main, 'rel/**']}, workflow_dispatch: {inputs: {n: {type: number}}}}
permissions: {contents: read}
concurrency: one
x-steps: &steps
  - &checkout {uses: actions/checkout@v4, with: {token: "\${{ secrets.T }}", fetch-depth: 0}}
env: {A: 3.10, B: yes, C: 012, D: "yes", E: 0x1F, F: ~, G: !!str 5, H: 0.84551240822557006, I: 2001-01-01, J: "1"}
jobs:
  build:
    needs: [first]
    if: github.event.title == 'x'
    requeue: never
    name: b \${{ github.event.title }}
    runs-on: ["\${{ matrix.os }}", big]
    strategy:
      fail-fast: false
      matrix: {os: [linux, "on", "012"], v: [1.10, "1.10", {a: [true, null]}, "\${{ github.event.title }}"]}
    outputs: {o: "\${{ steps.x.outputs.y }}"}
    steps:
      - *checkout
      - run: |
          # 'a' "b" \${{ '}}' }} \\n $HOME
            indented
          \ttab

          python - <<'PY'
          print("\${{ github.ref }}")
          PY
      - run: >-
          folded
          text

          next
      - run: |+
          kept

      - run: |2-
            leading blanks
      - run: "a\\tb\\u00e9\\n \\x07"
      - run: 'it''s: # no comment'
      - run: "- x"
  first: {runs-on: x, steps: *steps}
`;
const EVENT: JsonValue = { event: { title: "T ${{ secrets.T }}" }, ref: "r" };
const github = { github: fromJson(EVENT), inputs: null, vars: null };

function shape(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (key === "range" || key === "idRange" ? undefined : item)),
  );
}

describe("openPayloads of the reader vectors", () => {
  const cases = vectorFiles.flatMap((file) => {
    const { source, workflow: parsed } = readVector(file);
    const own = [...(parsed?.jobs.values() ?? [])].filter(({ uses }) => uses === undefined);
    return own.map((definition) => [file, definition.id, definition, source] as const);
  });

  test.each(cases)("%s: %s keeps its meaning", (_, id, definition, source) => {
    const payload = workflow(openPayloads(source).of(id, { name: "n", runsOn: ["x"], matrix: {} })).jobs.get(id);
    const decided = { name: 0, if: 0, needs: [], runsOn: 0, strategy: 0 };
    expect(shape({ ...payload, ...decided })).toEqual(shape({ ...definition, ...decided }));
  });
});

describe("openPayloads", () => {
  const { jobs, on, env } = workflow(SOURCE);
  const definition = jobs.get("build");
  if (definition === undefined) throw new Error("no job");
  const legs = expandJob(definition, github);

  test.each(legs.map((leg) => [JSON.stringify(leg.matrix), leg] as const))(
    "leg %s comes out as it went in",
    (_, leg) => {
      const payload = workflow(openPayloads(SOURCE).of("build", leg));
      expect([...payload.jobs.keys()]).toEqual(["build"]);
      const job = payload.jobs.get("build");
      expect(shape(job?.steps)).toEqual(shape(definition.steps));
      expect(shape(job?.outputs)).toEqual(shape(definition.outputs));
      expect(shape([...payload.on])).toEqual(shape([...on]));
      expect(shape(payload.env)).toEqual(shape(env));
      const [again, ...more] = expandJob(job as never, { github: null, inputs: null, vars: null });
      expect(more).toEqual([]);
      const { requeue, ...told } = leg;
      expect(requeue).toBe("never");
      expect(again).toEqual({ ...told, index: 0, total: 1 });
    },
  );

  test("what the server evaluated is not evaluated again by the runner", () => {
    const leg = legs.at(-1);
    const payload = workflow(openPayloads(SOURCE).of("build", leg as never)).jobs.get("build");
    const context = contexts({ secrets: { T: "leaked" } });
    expect(evaluateTemplate(payload?.name as Template, context)).toBe("b T ${{ secrets.T }}");
    expect(toJson(evaluateTemplate(payload?.strategy?.matrix as Template, context))).toEqual({
      os: ["012"],
      v: ["T ${{ secrets.T }}"],
    });
  });

  test("keys are Gitea's; the decisions of the server are written out", () => {
    const payload = parse(openPayloads(SOURCE).of("build", legs[0] as never)) as Record<
      string,
      Record<string, unknown>
    >;
    expect(Object.keys(payload)).toEqual(["name", "run-name", "on", "env", "permissions", "jobs"]);
    const job = payload["jobs"]?.["build"] as Record<string, unknown>;
    expect(job).not.toHaveProperty("needs");
    expect(job).not.toHaveProperty("requeue");
    expect(job).toMatchObject({ if: "always()", "runs-on": ["linux", "big"], strategy: { "fail-fast": false } });
    expect(parse(openPayloads(SOURCE).of("first", { name: "first", runsOn: ["x"], matrix: {} }))).toMatchObject({
      jobs: { first: { name: "first", "runs-on": ["x"], steps: [{ uses: "actions/checkout@v4" }] } },
    });
  });

  test("scalars keep their spelling, since other runners take them as texts", () => {
    const text = openPayloads(SOURCE).of("build", legs[0] as never);
    expect(text).toMatch(
      /A: 3\.10, B: yes, C: 012, D: "yes", E: 0x1F, F: ~, G: "5", H: 0\.84551240822557006, I: 2001-01-01, J: "1"/,
    );
  });

  test("evaluated texts are quoted, so that YAML 1.1 does not take them for something else", () => {
    const leg = { name: "yes", runsOn: ["on", "012"], matrix: { v: "2001-01-01" } };
    const text = openPayloads(SOURCE).of("build", leg);
    for (const quoted of ['name: "yes"', '- "on"', '- "012"', '- "2001-01-01"']) expect(text).toContain(quoted);
  });

  test.each([
    ["nope", SOURCE, "not_found"],
    ["a", "[x]", "invalid"],
    ["a", "- ".repeat(100), "invalid"],
  ])("job %s of %j is refused", (id, source, code) => {
    const leg = { name: "x", runsOn: [], matrix: {} };
    expect(() => openPayloads(source).of(id, leg)).toThrow(expect.objectContaining({ code }));
  });
});
