import { type Expression, someNode } from "./expressions/syntax.ts";
import type { Template } from "./model.ts";

/** Whether an expression anywhere in a template reads a context; `name` in lower case. */
export function readsContext(template: Template, name: string): boolean {
  switch (template.kind) {
    case "literal":
      return false;
    case "expression":
      return expressionReads(template.expression, name);
    case "text":
      return template.parts.some((part) => typeof part !== "string" && expressionReads(part, name));
    case "sequence":
      return template.items.some((item) => readsContext(item, name));
    case "mapping":
      return template.entries.some(
        ({ key, value }) => (key.kind !== "insert" && readsContext(key, name)) || readsContext(value, name),
      );
  }
}

function expressionReads({ root }: Expression, name: string): boolean {
  return someNode(root, (node) => node.kind === "context" && node.name.toLowerCase() === name);
}
