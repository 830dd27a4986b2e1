import { AppError } from "../../lib/errors.ts";
import type { EvaluationContext } from "./evaluation-context.ts";
import type { Expression } from "./syntax.ts";
import type { ExprValue } from "./value.ts";

/** Evaluates an expression. @throws ExpressionError; NeedsHash when a `hashFiles` result is missing */
export function evaluateExpression(expression: Expression, context: EvaluationContext): ExprValue {
  throw new AppError("internal", `evaluateExpression is not written yet (${expression.source}, ${context.contexts.size})`);
}
