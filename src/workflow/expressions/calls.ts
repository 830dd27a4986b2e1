import { isPrimitive, looselyEqual } from "./coercion.ts";
import type { EvaluationContext } from "./evaluation-context.ts";
import { ExpressionError } from "./expression-error.ts";
import { formatText } from "./format-text.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { hashKey, NeedsHash } from "./needs-hash.ts";
import { readJson } from "./read-json.ts";
import type { ExpressionNode } from "./syntax.ts";
import { ExprArray, type ExprValue, foldCase, toText } from "./value.ts";
import { writeJson } from "./write-json.ts";

/** One run of the evaluator; arguments are evaluated by the function that wants them. */
export interface Evaluation {
  readonly context: EvaluationContext;
  readonly budget: MemoryBudget;
  readonly evaluate: (node: ExpressionNode) => ExprValue;
}

type Call = (args: readonly ExpressionNode[], evaluation: Evaluation) => ExprValue;

/** The functions of the language, by lower-case name. The parser has already checked the number of arguments. */
export const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["contains", temporary(contains)],
  ["startswith", temporary(compareTexts((text, part) => text.startsWith(part)))],
  ["endswith", temporary(compareTexts((text, part) => text.endsWith(part)))],
  ["format", producing(format)],
  ["join", producing(join)],
  ["tojson", producing(toJsonText)],
  ["fromjson", fromJsonText],
  ["hashfiles", hashFiles],
  ["case", firstMatchingCase],
]);

/** A function whose arguments are garbage when it returns. */
function temporary(inner: Call): Call {
  return (args, evaluation) => {
    const before = evaluation.budget.used;
    const result = inner(args, evaluation);
    evaluation.budget.release(before);
    return result;
  };
}

/** A function that returns a new text; its arguments are garbage when it returns. */
function producing(inner: (args: readonly ExpressionNode[], evaluation: Evaluation) => string): Call {
  return (args, evaluation) => {
    const before = evaluation.budget.used;
    const result = inner(args, evaluation);
    evaluation.budget.release(before);
    evaluation.budget.addText(result);
    return result;
  };
}

function argument(args: readonly ExpressionNode[], index: number, evaluation: Evaluation): ExprValue {
  const node = args[index];
  return node === undefined ? null : evaluation.evaluate(node);
}

function contains(args: readonly ExpressionNode[], evaluation: Evaluation): boolean {
  const search = argument(args, 0, evaluation);
  if (search instanceof ExprArray) {
    if (search.items.length === 0) return false;
    const item = argument(args, 1, evaluation);
    return search.items.some((candidate) => looselyEqual(candidate, item));
  }
  if (!isPrimitive(search)) return false;
  const item = argument(args, 1, evaluation);
  return isPrimitive(item) && foldCase(toText(search)).includes(foldCase(toText(item)));
}

function compareTexts(test: (text: string, part: string) => boolean): Call {
  return (args, evaluation) => {
    const text = argument(args, 0, evaluation);
    if (!isPrimitive(text)) return false;
    const part = argument(args, 1, evaluation);
    return isPrimitive(part) && test(foldCase(toText(text)), foldCase(toText(part)));
  };
}

function format(args: readonly ExpressionNode[], evaluation: Evaluation): string {
  const pattern = toText(argument(args, 0, evaluation));
  const values = new Map<number, string>();
  const read = (index: number) => {
    if (index + 1 >= args.length) return undefined;
    const text = values.get(index) ?? toText(argument(args, index + 1, evaluation));
    values.set(index, text);
    return text;
  };
  return formatText(pattern, read, evaluation.budget);
}

function join(args: readonly ExpressionNode[], evaluation: Evaluation): string {
  const list = argument(args, 0, evaluation);
  if (isPrimitive(list)) return toText(list);
  if (!(list instanceof ExprArray)) return "";
  const given = args.length > 1 && list.items.length > 1 ? argument(args, 1, evaluation) : ",";
  const separator = isPrimitive(given) ? toText(given) : ",";
  let text = "";
  for (const [index, item] of list.items.entries()) {
    const piece = (index === 0 ? "" : separator) + toText(item);
    evaluation.budget.add(2 * piece.length);
    text += piece;
  }
  return text;
}

function toJsonText(args: readonly ExpressionNode[], evaluation: Evaluation): string {
  return writeJson(argument(args, 0, evaluation), evaluation.budget);
}

function fromJsonText(args: readonly ExpressionNode[], evaluation: Evaluation): ExprValue {
  const text = toText(argument(args, 0, evaluation));
  return readJson(text, evaluation.budget);
}

function hashFiles(args: readonly ExpressionNode[], evaluation: Evaluation): string {
  const patterns = args.map((arg) => toText(evaluation.evaluate(arg)));
  const hash = evaluation.context.hashes?.get(hashKey(patterns));
  if (hash === undefined) throw new NeedsHash(patterns);
  return hash;
}

function firstMatchingCase(args: readonly ExpressionNode[], evaluation: Evaluation): ExprValue {
  for (let index = 0; index + 1 < args.length; index += 2) {
    const predicate = argument(args, index, evaluation);
    if (typeof predicate !== "boolean") {
      throw new ExpressionError("evaluation", "case predicate must evaluate to a boolean value");
    }
    if (predicate) return argument(args, index + 1, evaluation);
  }
  return argument(args, args.length - 1, evaluation);
}
