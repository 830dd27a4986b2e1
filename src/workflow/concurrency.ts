import type { AppError } from "../lib/errors.ts";
import { evaluateTemplate } from "./evaluate-template.ts";
import { isPrimitive } from "./expressions/coercion.ts";
import type { EvaluationContext } from "./expressions/evaluation-context.ts";
import { ExpressionError } from "./expressions/expression-error.ts";
import { ExprObject, type ExprValue, foldCase, toText } from "./expressions/value.ts";
import type { Template } from "./model.ts";

/** A concurrency group that a run or a job wants to be in. */
export interface WantedGroup {
  /** Its name as it is compared: without regard to case. */
  readonly name: string;
  /** What is in the group is cancelled for the newcomer. */
  readonly cancelInProgress: boolean;
  /** Those that wait keep their place in the line (`queue: max`) instead of giving way to a newer one. */
  readonly keepsQueue: boolean;
}

/** Longest name of a group, as on GitHub. */
const LONGEST_NAME = 400;

/**
 * Evaluates `concurrency` of a workflow or a job.
 * @throws AppError invalid when the name is empty or too long, or a value is of the wrong type
 */
export function wantedGroup(template: Template, context: EvaluationContext): WantedGroup {
  const value = evaluateTemplate(template, context);
  const mapping = value instanceof ExprObject ? value : new ExprObject([["group", value]]);
  const name = textOf(mapping.get("group") ?? null, "group").trim();
  if (name === "") throw wrong("the concurrency group has no name; give 'group' a text");
  if (name.length > LONGEST_NAME)
    throw wrong(`the name of the concurrency group is longer than ${LONGEST_NAME} characters; shorten it`);
  const cancelInProgress = flag(mapping.get("cancel-in-progress") ?? false);
  const queue = textOf(mapping.get("queue") ?? "single", "queue");
  if (queue !== "single" && queue !== "max") throw wrong(`'queue' of concurrency is single or max, not '${queue}'`);
  if (queue === "max" && cancelInProgress) throw wrong("'queue: max' does not go with 'cancel-in-progress: true'");
  return { name: foldCase(name), cancelInProgress, keepsQueue: queue === "max" };
}

function textOf(value: ExprValue, key: string): string {
  if (isPrimitive(value)) return toText(value);
  throw wrong(`'${key}' of concurrency has to be a text`);
}

function flag(value: ExprValue): boolean {
  const text = isPrimitive(value) ? toText(value) : "";
  if (text === "true" || text === "false") return text === "true";
  throw wrong(`'cancel-in-progress' has to be true or false, not '${text}'`);
}

function wrong(message: string): AppError {
  return new ExpressionError("evaluation", message);
}
