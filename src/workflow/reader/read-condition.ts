import { STATUS_FUNCTIONS } from "../expressions/known-names.ts";
import { type Expression, type ExpressionNode, someNode } from "../expressions/syntax.ts";
import { toText } from "../expressions/value.ts";
import type { Condition } from "../model.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readExpression } from "./read-expression.ts";
import { readSpliced } from "./read-template.ts";
import type { YamlNode } from "./yaml-node.ts";

const SUCCESS: ExpressionNode = { kind: "call", name: "success", args: [] };

/**
 * Reads an `if`: an expression with or without `${{ }}`. Without a status function anywhere in it, it is wrapped as
 * `success() && (…)`; an empty one is `success()`. Text around `${{ }}` makes a text, which is true, so it is warned of.
 */
export function readCondition(node: YamlNode, place: Place, findings: Findings): Condition | undefined {
  if (node.kind !== "scalar") {
    findings.error("wrong-type", `A ${node.kind} was not expected; ${place.name} takes an expression`, node.range);
    return undefined;
  }
  const source = toText(node.value);
  const expression = readSource(source.trim(), place, node.range, findings);
  return expression && { expression: wrap(expression), source, range: node.range };
}

function readSource(text: string, place: Place, range: YamlNode["range"], findings: Findings): Expression | undefined {
  if (text === "") return { source: "success()", root: SUCCESS };
  if (!text.includes("${{")) return readExpression(text, place, range, findings);
  const template = readSpliced(text, place, range, findings);
  if (template.kind === "expression") return template.expression;
  if (template.kind !== "text") return undefined;
  const message =
    "This condition is a text with '${{ }}' inside, which is always true; put the whole condition into '${{ }}'";
  findings.warning("condition-is-text", message, range);
  return formatted(template.parts);
}

/** Text with expressions as `format('…{0}…', …)`, so that a condition is always one expression. */
function formatted(parts: readonly (string | Expression)[]): Expression {
  const expressions = parts.filter((part) => typeof part !== "string");
  let index = 0;
  const pattern = parts
    .map((part) => (typeof part === "string" ? part.replaceAll("{", "{{").replaceAll("}", "}}") : `{${index++}}`))
    .join("");
  const quoted = `'${pattern.replaceAll("'", "''")}'`;
  return {
    source: `format(${[quoted, ...expressions.map((expression) => expression.source)].join(", ")})`,
    root: {
      kind: "call",
      name: "format",
      args: [{ kind: "literal", value: pattern }, ...expressions.map((expression) => expression.root)],
    },
  };
}

function wrap(expression: Expression): Expression {
  const decides = (node: ExpressionNode) => node.kind === "call" && STATUS_FUNCTIONS.includes(node.name);
  if (someNode(expression.root, decides)) return expression;
  return { source: `success() && (${expression.source})`, root: { kind: "and", operands: [SUCCESS, expression.root] } };
}
