import { ExpressionError } from "./expression-error.ts";
import type { MemoryBudget } from "./memory-budget.ts";

const PIECE = /\{\{|\}\}|\{(\d{1,3})\}|[{}]|[^{}]+/g;

/**
 * `format`: replaces `{0}` by `read(0)`, `{{` and `}}` by braces. `read` answers undefined where no argument was given.
 * @throws ExpressionError on an invalid pattern or a missing argument
 */
export function formatText(pattern: string, read: (index: number) => string | undefined, budget: MemoryBudget): string {
  let text = "";
  for (const [piece, index] of pattern.matchAll(PIECE)) {
    const added = index === undefined ? literal(piece, pattern) : read(Number(index));
    if (added === undefined) {
      const message = `The following format string references more arguments than were supplied: ${pattern}`;
      throw new ExpressionError("evaluation", message);
    }
    budget.add(2 * added.length);
    text += added;
  }
  return text;
}

function literal(piece: string, pattern: string): string {
  if (piece === "{" || piece === "}") {
    throw new ExpressionError("evaluation", `The following format string is invalid: ${pattern}`);
  }
  return piece === "{{" || piece === "}}" ? piece.charAt(0) : piece;
}
