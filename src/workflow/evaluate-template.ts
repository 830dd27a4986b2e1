import { isPrimitive, toNumber } from "./expressions/coercion.ts";
import { evaluateExpression } from "./expressions/evaluate-expression.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import { ExpressionError } from "./expressions/expression-error.ts";
import type { Expression } from "./expressions/syntax.ts";
import { ExprArray, ExprObject, type ExprValue, isTruthy, toText } from "./expressions/value.ts";
import type { Condition, MappingEntry, MappingTemplate, Template } from "./model.ts";

/** Bytes for the values of one expression in a template, as GitHub's runner allows. */
const TEMPLATE_MEMORY = 10 * 1024 * 1024;

/**
 * The value of a template. A sequence that comes from an item's expression is spliced into its parent, and
 * `${{ insert }}` merges a mapping; of repeated keys the first wins. @throws ExpressionError; NeedsHash
 */
export function evaluateTemplate(template: Template, context: EvaluationContext): ExprValue {
  switch (template.kind) {
    case "literal":
      return template.value;
    case "expression":
      return evaluate(template.expression, context);
    case "text":
      return template.parts
        .map((part) => (typeof part === "string" ? part : plainText(evaluate(part, context), part.source)))
        .join("");
    case "sequence":
      return new ExprArray(template.items.flatMap((item) => itemsOf(item, context)));
    case "mapping":
      return mappingOf(template.entries, context);
  }
}

/** The value as text; null is "". @throws ExpressionError when it is a list or a mapping; NeedsHash */
export function evaluateText(template: Template, context: EvaluationContext): string {
  return plainText(evaluateTemplate(template, context), sourceOf(template));
}

/** `env`, `with`, `outputs`: names and texts in order, null as "". Entries do not see each other. @throws ExpressionError; NeedsHash */
export function evaluateMapping(mapping: MappingTemplate, context: EvaluationContext): [name: string, text: string][] {
  const value = evaluateTemplate(mapping, context);
  if (value === null) return [];
  if (!(value instanceof ExprObject)) {
    throw mismatch(`a mapping of names to texts was expected from '${sourceOf(mapping)}'`);
  }
  return [...value.entries()].map(([name, item]) => [name, plainText(item, name)]);
}

/** Whether a condition holds. @throws ExpressionError; NeedsHash */
export function evaluateCondition(condition: Condition, context: EvaluationContext): boolean {
  return isTruthy(evaluate(condition.expression, context));
}

/** A number, or a string that is one (`timeout-minutes`, `max-parallel`). @throws ExpressionError otherwise; NeedsHash */
export function evaluateNumber(template: Template, context: EvaluationContext): number {
  const value = evaluateTemplate(template, context);
  const number =
    typeof value === "number" || (typeof value === "string" && value.trim() !== "") ? toNumber(value) : Number.NaN;
  if (Number.isNaN(number))
    throw mismatch(`a number was expected, not ${described(value)} (from '${sourceOf(template)}')`);
  return number;
}

/**
 * A boolean, or the string "true" or "false" (`continue-on-error`, `fail-fast`, `cancel-in-progress`).
 * @throws ExpressionError otherwise; NeedsHash
 */
export function evaluateBoolean(template: Template, context: EvaluationContext): boolean {
  const value = evaluateTemplate(template, context);
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw mismatch(`true or false was expected, not ${described(value)} (from '${sourceOf(template)}')`);
}

function evaluate(expression: Expression, context: EvaluationContext): ExprValue {
  return evaluateExpression(expression, { maxMemory: TEMPLATE_MEMORY, ...context });
}

function itemsOf(item: Template, context: EvaluationContext): readonly ExprValue[] {
  const value = evaluateTemplate(item, context);
  return item.kind === "expression" && value instanceof ExprArray ? value.items : [value];
}

function mappingOf(entries: readonly MappingEntry[], context: EvaluationContext): ExprObject {
  const result = new Map<string, ExprValue>();
  const keep = (key: string, value: ExprValue) => {
    if (!result.has(key)) result.set(key, value);
  };
  for (const { key, value } of entries) {
    if (key.kind === "insert") {
      const merged = evaluateTemplate(value, context);
      if (merged === null) continue;
      if (!(merged instanceof ExprObject)) throw mismatch(`'insert' takes a mapping, not ${described(merged)}`);
      for (const [name, item] of merged.entries()) keep(name, item);
    } else keep(evaluateText(key, context), evaluateTemplate(value, context));
  }
  return new ExprObject(result, { caseSensitive: true });
}

function plainText(value: ExprValue, source: string): string {
  if (!isPrimitive(value)) throw mismatch(`${described(value)} was not expected; '${source}' has to be a text`);
  return toText(value);
}

/** Names the kind only: the value may be a secret. */
function described(value: ExprValue): string {
  if (value === null) return "nothing";
  if (value instanceof ExprArray) return "a sequence";
  return value instanceof ExprObject ? "a mapping" : `a ${typeof value}`;
}

function sourceOf(template: Template): string {
  switch (template.kind) {
    case "literal":
      return toText(template.value);
    case "expression":
      return `\${{ ${template.expression.source} }}`;
    case "text":
      return template.parts.map((part) => (typeof part === "string" ? part : `\${{ ${part.source} }}`)).join("");
    default:
      return template.kind;
  }
}

function mismatch(message: string): ExpressionError {
  return new ExpressionError("evaluation", `Wrong type: ${message}`);
}
