import * as oracle from "@actions/expressions";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../../src/lib/json.ts";
import { evaluateExpression } from "../../../../src/workflow/expressions/evaluate-expression.ts";
import { parseExpression } from "../../../../src/workflow/expressions/parse-expression.ts";
import { ExprArray, ExprObject, type ExprValue, fromJson, toText } from "../../../../src/workflow/expressions/value.ts";

/** Generated expressions per run; the seed is fixed, so that a failure can be repeated. */
const COUNT = 20_000;
const CONTEXT: JsonValue = {
  s: "Text",
  n: 3.5,
  t: true,
  z: null,
  list: ["a", 1, null, { x: "one", y: [1, 2] }, { x: "two" }],
  map: { a: { x: 1 }, b: { x: "B" }, c: "c" },
};
const BINARY = ["==", "!=", "<", "<=", ">", ">=", "&&", "||"];
const PATHS = [
  "s",
  "n",
  "t",
  "z",
  "list",
  "map",
  "list[0]",
  "list[1.9]",
  "list[-1]",
  "list['x']",
  "list.*.x",
  "map.*.x",
  "MAP.A.X",
  "map.*",
  "list[*].y",
  "nope.x",
  "s.x",
  "list.*.y[0]",
];
// Outside of the known faults of the oracle: one '' at most in a string, no numbers of more than 15 digits.
const LITERALS = [
  "null",
  "true",
  "false",
  "0",
  "1",
  "-1.5",
  "0xff",
  "0o17",
  "1e3",
  ".5",
  "NaN",
  "Infinity",
  "''",
  "'a'",
  "'Text'",
  "'TEXT'",
  "' 3.5 '",
  "'it''s'",
  "'0xff'",
  "'1,2'",
  "'x'",
];

/** A small repeatable generator (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function generate(next: () => number, depth: number): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const inner = () => generate(next, depth - 1);
  const kind = depth === 0 ? Math.floor(next() * 2) : Math.floor(next() * 9);
  switch (kind) {
    case 0:
      return pick(LITERALS);
    case 1:
      return `github.${pick(PATHS)}`;
    case 2:
    case 3:
      return `${inner()} ${pick(BINARY)} ${inner()}`;
    case 4:
      return `!${pick(["", "!"])}(${inner()})`;
    case 5:
      return `(${inner()})`;
    case 6:
      return `${pick(["contains", "startsWith", "EndsWith"])}(${inner()}, ${inner()})`;
    case 7:
      return `${pick(["format('{0}-{1}{{', ", "format('{1}', "])}${inner()}, ${inner()})`;
    default:
      return pick([
        `join(${inner()}, ${inner()})`,
        `join(${inner()})`,
        `toJSON(${inner()})`,
        `(${inner()})[${inner()}]`,
        `(${inner()}).x`,
      ]);
  }
}

function ours(source: string): unknown {
  const context = { contexts: new Map([["github", fromJson(CONTEXT)]]) };
  return plain(evaluateExpression(parseExpression(source, { contexts: ["github"] }), context));
}

function plain(value: ExprValue): unknown {
  if (value instanceof ExprArray) return value.items.map(plain);
  if (value instanceof ExprObject) return [...value.entries()].map(([key, item]) => [key, plain(item)]);
  return value;
}

function theirs(source: string): unknown {
  const { tokens } = new oracle.Lexer(source).lex();
  const tree = new oracle.Parser(tokens, ["github"], []).parse();
  const github = JSON.parse(JSON.stringify(CONTEXT), oracle.data.reviver) as oracle.data.ExpressionData;
  return plainData(new oracle.Evaluator(tree, new oracle.data.Dictionary({ key: "github", value: github })).evaluate());
}

function plainData(value: oracle.data.ExpressionData): unknown {
  if (value instanceof oracle.data.Array) return value.values().map(plainData);
  if (value instanceof oracle.data.Dictionary) return value.pairs().map((pair) => [pair.key, plainData(pair.value)]);
  return value instanceof oracle.data.Null ? null : (value as oracle.data.StringData).value;
}

function outcome(action: () => unknown): unknown {
  try {
    return { value: action() };
  } catch {
    return "error";
  }
}

describe("against @actions/expressions", () => {
  test(`${COUNT} generated expressions have the same value`, () => {
    const next = random(42);
    const differences: string[] = [];
    for (let index = 0; index < COUNT; index++) {
      const source = generate(next, 3);
      // Theirs writes null for what JSON cannot say, the C# runner the number's text.
      if (/toJSON/.test(source) && /NaN|Infinity/.test(source)) continue;
      const [mine, other] = [
        JSON.stringify(outcome(() => ours(source))),
        JSON.stringify(outcome(() => theirs(source))),
      ];
      if (mine !== other) differences.push(`${source}: ${mine} instead of ${other}`);
    }
    expect(differences).toEqual([]);
  });

  test("where it is known to be wrong we follow the C# runner", () => {
    expect(ours("'it''s it''s'")).toBe("it's it's");
    expect(ours("format('{0}', 1234567890.123456)")).toBe("1234567890.12346");
    expect(toText(1e20)).toBe("1E+20");
    expect(ours("toJSON(NaN)")).toBe("NaN");
    expect(outcome(() => ours("0b11"))).toBe("error");
    expect(ours("")).toBeNull();
  });
});
