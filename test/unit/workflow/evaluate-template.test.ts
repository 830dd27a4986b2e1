import { describe, expect, test } from "vitest";
import {
  evaluateBoolean,
  evaluateMapping,
  evaluateNumber,
  evaluateTemplate,
  evaluateText,
} from "../../../src/workflow/evaluate-template.ts";
import { evaluateExpression } from "../../../src/workflow/expressions/evaluate-expression.ts";
import { hashKey, NeedsHash } from "../../../src/workflow/expressions/needs-hash.ts";
import { parseExpression } from "../../../src/workflow/expressions/parse-expression.ts";
import { ExprObject, fromJson, toJson } from "../../../src/workflow/expressions/value.ts";
import type { Step, Template } from "../../../src/workflow/model.ts";
import { contexts, job } from "./evaluate.ts";

function step(yaml: string): Step {
  const [first] = job(`a:\n  runs-on: x\n  steps:\n    - ${yaml.split("\n").join("\n      ")}`).steps;
  if (first === undefined) throw new Error("no step");
  return first;
}

function run(yaml: string, values: Parameters<typeof contexts>[0] = {}): string {
  return evaluateText(step(`run: ${yaml}`).run as Template, contexts(values));
}

function matrix(yaml: string): Template {
  const parsed = job(`a:\n  runs-on: x\n  steps: []\n  strategy:\n    matrix:\n${yaml.replace(/^/gm, "      ")}`);
  return parsed.strategy?.matrix as Template;
}

describe("text with expressions", () => {
  test("quotes around and in expressions survive", () => {
    expect(run(`echo 'a' 'b' \${{ 'it''s it''s' }} "c"`)).toBe(`echo 'a' 'b' it's it's "c"`);
  });

  test("'}}' and '${{' in a string do not end or start anything", () => {
    expect(run("x ${{ '}}' }}${{ '${{ y }}' }}")).toBe("x }}${{ y }}");
  });

  test("a block scalar loses its indentation and keeps its lines", () => {
    const python = "|\n  if True:\n      print('${{ github.ref }}')\n\n  # end";
    expect(run(python, { github: { ref: "it's" } })).toBe("if True:\n    print('it's')\n\n# end\n");
  });

  test("a folded scalar is folded", () => {
    expect(run(">-\n  echo\n  ${{ github.ref }}\n\n  next", { github: { ref: "r" } })).toBe("echo r\nnext");
  });

  test("braces need no escape", () => expect(run("'${A} {0} {{x}} ${{ 1 }}'")).toBe("${A} {0} {{x}} 1"));

  test("null is empty, numbers are as in .NET", () => {
    expect(run("'${{ null }}|${{ 1.10 }}|${{ 1e20 }}|${{ true }}'")).toBe("|1.1|1E+20|true");
  });

  test("a list is refused, and not shown", () => {
    expect(() => run("x ${{ github.a }}", { github: { a: ["secret"] } })).toThrow(
      /^(?!.*secret).*a sequence was not expected/,
    );
  });

  test("what an expression yields is not evaluated again", () => {
    expect(run("x ${{ github.t }}", { github: { t: "${{ secrets.a }}" } })).toBe("x ${{ secrets.a }}");
  });

  test.each(["gitea", "forge", "forgejo", "GitHub"])("%s is github", (name) => {
    expect(run(`x \${{ ${name}.ref }}`, { github: { ref: "r" } })).toBe("x r");
  });
});

describe("structures", () => {
  const values = contexts({ github: { list: [1, 2], map: { b: 3, A: 9 } } });

  test("a list in a list is spliced", () => {
    const template = matrix("v:\n  - 0\n  - ${{ github.list }}\n  - [3]");
    expect(toJson(evaluateTemplate(template, values))).toEqual({ v: [0, 1, 2, [3]] });
  });

  test("insert merges, and keys that are there stay", () => {
    const template = matrix("v:\n  - b: 1\n    ${{ insert }}: ${{ github.map }}");
    expect(toJson(evaluateTemplate(template, values))).toEqual({ v: [{ b: 1, A: 9 }] });
  });

  test("a mapping gives texts in order; entries do not see each other", () => {
    const { env } = step(
      "run: x\nenv: {Z: 1.10, A: ~, B: true, C: '${{ env.Z }}', '${{ insert }}': '${{ github.map }}'}",
    );
    expect(evaluateMapping(env as never, values)).toEqual([
      ["Z", "1.1"],
      ["A", ""],
      ["B", "true"],
      ["C", ""],
      ["b", "3"],
    ]);
  });
});

describe("typed values", () => {
  const minutes = (yaml: string) => step(`run: x\ntimeout-minutes: ${yaml}`).timeoutMinutes as Template;
  const goesOn = (yaml: string) => step(`run: x\ncontinue-on-error: ${yaml}`).continueOnError as Template;
  const values = contexts({ github: { n: "5", t: "true", x: "x", s: "" } });

  test("numbers", () => {
    expect(evaluateNumber(minutes("2.5"), values)).toBe(2.5);
    expect(evaluateNumber(minutes("${{ github.n }}"), values)).toBe(5);
    for (const bad of ["x", "s", "none"]) {
      expect(() => evaluateNumber(minutes(`\${{ github.${bad} }}`), values)).toThrow(/a number was expected/);
    }
  });

  test("booleans", () => {
    expect(evaluateBoolean(goesOn("false"), values)).toBe(false);
    expect(evaluateBoolean(goesOn("${{ github.t }}"), values)).toBe(true);
    expect(() => evaluateBoolean(goesOn("${{ github.x }}"), values)).toThrow(/true or false was expected/);
  });
});

describe("evaluation", () => {
  const evaluate = (source: string, context = contexts({})) => evaluateExpression(parseExpression(source), context);

  test("hashFiles asks for what is missing", () => {
    const context = contexts({});
    expect(() => evaluate("hashFiles('a', 'b')", context)).toThrow(NeedsHash);
    const hashes = new Map([[hashKey(["a", "b"]), "abc"]]);
    expect(evaluate("hashFiles('a', 'b')", { ...context, hashes })).toBe("abc");
  });

  test("arguments are lazy", () => {
    expect(evaluate("case(true, 1, hashFiles('x'))")).toBe(1);
    expect(evaluate("false && hashFiles('x')")).toBe(false);
    expect(evaluate("format('x', hashFiles('x'))")).toBe("x");
  });

  test("keys keep their order and their case-sensitivity", () => {
    expect(evaluate(`toJSON(fromJSON('{"2":1,"1":2}'))`)).toBe('{\n  "2": 1,\n  "1": 2\n}');
    const env = fromJson({ a: 1, A: 2 }, { caseSensitive: true });
    const context = { contexts: new Map([["env", env]]) };
    expect([evaluate("env.a", context), evaluate("env.A", context)]).toEqual([1, 2]);
    expect(
      new ExprObject([
        ["a", 1],
        ["A", 2],
      ]).size,
    ).toBe(1);
  });

  test("fromJSON takes what Newtonsoft.Json takes", () => {
    expect(evaluate(`toJSON(fromJSON('/* c */ {a: 1, "b": ["x",],} // e'))`)).toBe(
      '{\n  "a": 1,\n  "b": [\n    "x"\n  ]\n}',
    );
    expect(() => evaluate("fromJSON('{secret')")).toThrow(/^(?!.*secret).*not valid JSON at position/);
    expect(() => evaluate(`fromJSON('${"[".repeat(10_000)}')`)).toThrow(/nested deeper/);
  });

  test("nested format cannot fill the memory", () => {
    let expression = "'x'";
    for (let level = 0; level < 9; level++) expression = `format('${"{0}".repeat(10)}', ${expression})`;
    expect(() => evaluate(expression)).toThrow(/maximum allowed memory/);
  });

  test.each(["constructor('x')", "__proto__.x", "toString()", "constructor"])("%s is refused", (source) => {
    expect(() => parseExpression(source)).toThrow(/Unrecognized|Unexpected/);
  });

  test("deep input is refused, not a crash", () => {
    for (const source of [
      "(".repeat(20_000),
      "!".repeat(20_000),
      `1${"==1".repeat(6000)}`,
      `github${".a".repeat(9000)}`,
    ]) {
      expect(() => parseExpression(source)).toThrow(/depth|Unexpected/);
    }
    expect(() => parseExpression("1".repeat(21_001))).toThrow(/length 21000/);
  });
});
