import type { Range } from "../diagnostic.ts";
import { ExpressionError } from "../expressions/expression-error.ts";
import { FUNCTIONS, STATUS_FUNCTIONS } from "../expressions/known-names.ts";
import { parseExpression } from "../expressions/parse-expression.ts";
import { childrenOf, type Expression, type ExpressionNode } from "../expressions/syntax.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";

const ALIASES: ReadonlySet<string> = new Set(["gitea", "forge", "forgejo"]);

/** Reads the text of one expression; a mistake goes to `findings`, a name that is not offered at this place is a warning. */
export function readExpression(text: string, place: Place, range: Range, findings: Findings): Expression | undefined {
  const source = text.trim();
  if (source === "") {
    findings.error("empty-expression", "An expression was expected between '${{' and '}}'", range);
    return undefined;
  }
  try {
    const expression = parseExpression(source);
    for (const name of namesIn(expression.root)) checkName(name, place, range, findings);
    return expression;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    findings.error("bad-expression", error.message, range);
    return undefined;
  }
}

function namesIn(node: ExpressionNode): Set<string> {
  const own = node.kind === "context" ? [node.name.toLowerCase()] : node.kind === "call" ? [`${node.name}()`] : [];
  return new Set([...own, ...childrenOf(node).flatMap((child) => [...namesIn(child)])]);
}

function checkName(name: string, place: Place, range: Range, findings: Findings): void {
  if (!name.endsWith("()")) {
    if (place.contexts.includes(ALIASES.has(name) ? "github" : name)) return;
    const offered = place.contexts.join(", ");
    const message = `The context '${name}' is not available in ${place.name} and may be empty there; available: ${offered}`;
    findings.warning("unavailable-context", message, range);
    return;
  }
  const call = name.slice(0, -2);
  const restricted = STATUS_FUNCTIONS.includes(call) || call === "hashfiles";
  if (!FUNCTIONS.has(call) || !restricted || place.functions.includes(call)) return;
  findings.warning("unavailable-function", `The function '${name}' is not available in ${place.name}`, range);
}
