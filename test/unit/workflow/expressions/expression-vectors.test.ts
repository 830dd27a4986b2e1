import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../../../src/lib/json.ts";
import { evaluateExpression } from "../../../../src/workflow/expressions/evaluate-expression.ts";
import { ExpressionError } from "../../../../src/workflow/expressions/expression-error.ts";
import { parseExpression } from "../../../../src/workflow/expressions/parse-expression.ts";
import { ExprArray, type ExprValue, fromJson, toJson } from "../../../../src/workflow/expressions/value.ts";

interface Vector {
  readonly expr: string;
  readonly contexts?: Record<string, JsonValue>;
  readonly result?: { readonly kind: string; readonly value: JsonValue };
  readonly err?: { readonly kind: string; readonly value: string };
}

const folder = join(import.meta.dirname, "../../../fixtures/expressions");
const files = readdirSync(folder).filter((file) => file.endsWith(".json"));

function read(file: string): [group: string, vectors: Vector[]][] {
  return Object.entries(JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, Vector[]>);
}

function run({ expr, contexts = {} }: Vector): ExprValue {
  const names = Object.keys(contexts);
  const values = names.map((name) => [name.toLowerCase(), fromJson(contexts[name] ?? null)] as const);
  return evaluateExpression(parseExpression(expr, { contexts: names }), { contexts: new Map(values) });
}

function kindOf(value: ExprValue): string {
  if (value === null) return "Null";
  if (typeof value === "object") return value instanceof ExprArray ? "Array" : "Object";
  return typeof value === "boolean" ? "Boolean" : typeof value === "number" ? "Number" : "String";
}

describe.each(files)("expression vectors of %s", (file) => {
  test("is an object of groups", () => expect(read(file).length).toBeGreaterThan(0));
  const cases = read(file).flatMap(([group, vectors]) =>
    vectors.map((vector) => [`${group}: ${vector.expr.slice(0, 100)}`, vector] as const),
  );
  test.each(cases)("%s", (_, vector) => {
    if (vector.err) {
      const error = catchError(() => run(vector));
      expect(error.stage).toBe(vector.err.kind);
      expect(error.message).toContain(vector.err.value);
    } else {
      const value = run(vector);
      expect(kindOf(value)).toBe(vector.result?.kind);
      expect(typeof value === "number" ? value : toJson(value)).toEqual(expected(vector.result));
    }
  });
});

test("there are 1,020 vectors", () => {
  expect(files.flatMap(read).reduce((sum, [, vectors]) => sum + vectors.length, 0)).toBe(1020);
});

function expected(result: Vector["result"]): unknown {
  return result?.kind === "Number" && result.value === "NaN" ? Number.NaN : result?.value;
}

function catchError(action: () => unknown): ExpressionError {
  try {
    action();
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error("no error was thrown");
}
