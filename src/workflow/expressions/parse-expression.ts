import { AppError } from "../../lib/errors.ts";
import type { Expression } from "./syntax.ts";

/** Names that an expression may use; by default every context and function that any place of a workflow offers. */
export interface KnownNames {
  readonly contexts?: readonly string[];
  readonly functions?: readonly string[];
}

/** Reads an expression (the text inside `${{ }}`). @throws ExpressionError with the position of the mistake */
export function parseExpression(source: string, names: KnownNames = {}): Expression {
  throw new AppError("internal", `parseExpression is not written yet (${source}, ${Object.keys(names)})`);
}
