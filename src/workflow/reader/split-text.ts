/** A piece of a text: literal, or the inside of `${{ }}`. */
export type TextPart = { readonly kind: "text" | "expression"; readonly text: string };

/**
 * Splits a text at `${{ … }}`. A `}}` inside of a quoted string does not close an expression.
 * Returns undefined when an expression is not closed.
 */
export function splitText(text: string): TextPart[] | undefined {
  const parts: TextPart[] = [];
  let offset = 0;
  for (;;) {
    const open = text.indexOf("${{", offset);
    if (open === -1) break;
    const close = findClose(text, open + 3);
    if (close === -1) return undefined;
    if (open > offset) parts.push({ kind: "text", text: text.slice(offset, open) });
    parts.push({ kind: "expression", text: text.slice(open + 3, close) });
    offset = close + 2;
  }
  if (offset < text.length) parts.push({ kind: "text", text: text.slice(offset) });
  return parts;
}

function findClose(text: string, from: number): number {
  let quoted = false;
  for (let index = from; index < text.length; index++) {
    const character = text.charAt(index);
    if (character === "'") quoted = !quoted;
    else if (!quoted && character === "}" && text.charAt(index + 1) === "}") return index;
  }
  return -1;
}
