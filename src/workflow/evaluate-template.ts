import { AppError } from "../lib/errors.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import type { ExprValue } from "./expressions/value.ts";
import type { Condition, MappingTemplate, Template } from "./model.ts";

const missing = (what: string) => new AppError("internal", `${what} is not written yet`);

/** The value of a template. Sequences that come from an item's expression are spliced in; `${{ insert }}` merges. */
export function evaluateTemplate(_template: Template, _context: EvaluationContext): ExprValue {
  throw missing("evaluateTemplate");
}

/** The value as text; null is "". @throws ExpressionError when it is a list or a mapping */
export function evaluateText(_template: Template, _context: EvaluationContext): string {
  throw missing("evaluateText");
}

/** `env`, `with`, `outputs`: names and texts in order, null as "". Entries do not see each other. */
export function evaluateMapping(
  _mapping: MappingTemplate,
  _context: EvaluationContext,
): [name: string, text: string][] {
  throw missing("evaluateMapping");
}

/** Whether a condition holds. */
export function evaluateCondition(_condition: Condition, _context: EvaluationContext): boolean {
  throw missing("evaluateCondition");
}

/** A number, or a string that is one (`timeout-minutes`, `max-parallel`). @throws ExpressionError otherwise */
export function evaluateNumber(_template: Template, _context: EvaluationContext): number {
  throw missing("evaluateNumber");
}

/** A boolean, or the string "true" or "false" (`continue-on-error`, `fail-fast`, `cancel-in-progress`). @throws ExpressionError otherwise */
export function evaluateBoolean(_template: Template, _context: EvaluationContext): boolean {
  throw missing("evaluateBoolean");
}
