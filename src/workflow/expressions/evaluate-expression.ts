import { CALLS, type Evaluation } from "./calls.ts";
import { isPrimitive, looselyEqual, looselyGreater, toNumber } from "./coercion.ts";
import type { EvaluationContext } from "./evaluation-context.ts";
import { ExpressionError } from "./expression-error.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { Comparison, Expression, ExpressionNode } from "./syntax.ts";
import { ExprArray, ExprObject, type ExprValue, isTruthy, toText } from "./value.ts";

const ALIASES: ReadonlySet<string> = new Set(["gitea", "forge", "forgejo"]);

/** Evaluates an expression. @throws ExpressionError; NeedsHash when a `hashFiles` result is missing */
export function evaluateExpression(expression: Expression, context: EvaluationContext): ExprValue {
  const evaluation: Evaluation = {
    context,
    budget: new MemoryBudget(context.maxMemory),
    evaluate: (node) => evaluate(node, evaluation),
  };
  return evaluation.evaluate(expression.root);
}

function evaluate(node: ExpressionNode, evaluation: Evaluation): ExprValue {
  switch (node.kind) {
    case "literal":
      return node.value;
    case "context":
      return readContext(node.name.toLowerCase(), evaluation.context.contexts);
    case "index":
      return readIndex(evaluate(node.target, evaluation), evaluate(node.index, evaluation));
    case "star":
      return new ExprArray(spread(evaluate(node.target, evaluation)), { filtered: true });
    case "not":
      return !isTruthy(evaluate(node.operand, evaluation));
    case "compare":
      return compare(node.operator, evaluate(node.left, evaluation), evaluate(node.right, evaluation));
    case "and":
    case "or":
      return firstDeciding(node.operands, node.kind === "or", evaluation);
    case "call":
      return call(node.name, node.args, evaluation);
  }
}

function readContext(name: string, contexts: EvaluationContext["contexts"]): ExprValue {
  const value = contexts.get(name);
  if (value !== undefined) return value;
  return (ALIASES.has(name) ? contexts.get("github") : undefined) ?? null;
}

function firstDeciding(operands: readonly ExpressionNode[], deciding: boolean, evaluation: Evaluation): ExprValue {
  let value: ExprValue = null;
  for (const operand of operands) {
    value = evaluate(operand, evaluation);
    if (isTruthy(value) === deciding) break;
  }
  return value;
}

function compare(operator: Comparison, left: ExprValue, right: ExprValue): boolean {
  switch (operator) {
    case "==":
      return looselyEqual(left, right);
    case "!=":
      return !looselyEqual(left, right);
    case ">":
      return looselyGreater(left, right);
    case ">=":
      return looselyEqual(left, right) || looselyGreater(left, right);
    case "<":
      return looselyGreater(right, left);
    case "<=":
      return looselyEqual(left, right) || looselyGreater(right, left);
  }
}

function readIndex(target: ExprValue, index: ExprValue): ExprValue {
  if (target instanceof ExprArray && target.filtered) {
    const found = target.items.map((item) => itemAt(item, index)).filter((item) => item !== undefined);
    return new ExprArray(found, { filtered: true });
  }
  return itemAt(target, index) ?? null;
}

function itemAt(target: ExprValue, index: ExprValue): ExprValue | undefined {
  if (!isPrimitive(index)) return undefined;
  if (target instanceof ExprObject) return target.get(toText(index));
  return target instanceof ExprArray ? target.items[Math.floor(toNumber(index))] : undefined;
}

function spread(target: ExprValue): ExprValue[] {
  if (target instanceof ExprObject) return [...target.entries()].map(([, value]) => value);
  if (!(target instanceof ExprArray)) return [];
  return target.filtered ? target.items.flatMap(spread) : [...target.items];
}

function call(name: string, args: readonly ExpressionNode[], evaluation: Evaluation): ExprValue {
  const provided = evaluation.context.functions?.get(name);
  if (provided !== undefined) return provided(args.map(evaluation.evaluate));
  const builtIn = CALLS.get(name);
  if (builtIn === undefined) {
    throw new ExpressionError("evaluation", `The function ${name}() is not available here; it belongs into an 'if'`);
  }
  return builtIn(args, evaluation);
}
