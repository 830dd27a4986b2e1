import type { MemoryBudget } from "./memory-budget.ts";
import { numberText } from "./number-text.ts";
import { ExprArray, ExprObject, type ExprValue } from "./value.ts";

/** `toJSON`: two blanks of indentation, `\n` line ends, keys in insertion order, numbers as `numberText`. */
export function writeJson(value: ExprValue, budget: MemoryBudget): string {
  const pieces: string[] = [];
  const add = (piece: string) => {
    budget.add(2 * piece.length);
    pieces.push(piece);
  };
  write(value, "\n", add);
  return pieces.join("");
}

function write(value: ExprValue, newline: string, add: (piece: string) => void): void {
  if (value instanceof ExprArray) {
    const items = value.items.map((item) => ["", item] as const);
    writeItems("[", "]", items, newline, add);
  } else if (value instanceof ExprObject) {
    const items = [...value.entries()].map(([key, item]) => [`${quoted(key)}: `, item] as const);
    writeItems("{", "}", items, newline, add);
  } else if (typeof value === "string") add(quoted(value));
  else add(typeof value === "number" ? numberText(value) : String(value));
}

function writeItems(
  open: string,
  close: string,
  items: readonly (readonly [prefix: string, value: ExprValue])[],
  newline: string,
  add: (piece: string) => void,
): void {
  if (items.length === 0) {
    add(open + close);
    return;
  }
  const inner = `${newline}  `;
  for (const [index, [prefix, item]] of items.entries()) {
    add((index === 0 ? open : ",") + inner + prefix);
    write(item, inner, add);
  }
  add(newline + close);
}

/** JSON.stringify, and the line separators that Newtonsoft.Json escapes as well. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0085\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
