import type { Range } from "../diagnostic.ts";
import type { Expression } from "../expressions/syntax.ts";
import { toText } from "../expressions/value.ts";
import type { MappingEntry, MappingTemplate, Template } from "../model.ts";
import type { Findings } from "./findings.ts";
import type { Place } from "./place.ts";
import { readExpression } from "./read-expression.ts";
import { splitText } from "./split-text.ts";
import type { YamlEntry, YamlMapping, YamlNode, YamlScalar } from "./yaml-node.ts";

/** Longest text around and in expressions, as on GitHub. */
const MAX_LENGTH = 21_000;

/** How scalars are taken: as they are, or as text (null is "", numbers as `toText`). */
type Scalars = "typed" | "text";

/** Reads any piece of YAML as a template. Mistakes go to `findings`; an expression that cannot be read becomes null. */
export function readTemplate(node: YamlNode, place: Place, findings: Findings, scalars: Scalars = "typed"): Template {
  const { range } = node;
  if (node.kind === "sequence") {
    return { kind: "sequence", items: node.items.map((item) => readTemplate(item, place, findings, scalars)), range };
  }
  if (node.kind === "mapping") {
    const entries = node.entries.map((entry) => readEntry(entry, place, findings, scalars));
    return { kind: "mapping", entries: entries.filter((entry) => entry !== undefined), range };
  }
  return readScalar(node, place, findings, scalars);
}

/** Reads a text with or without expressions; a list or a mapping is a mistake. */
export function readTextTemplate(node: YamlNode, place: Place, findings: Findings): Template | undefined {
  if (node.kind === "scalar") return readScalar(node, place, findings, "text");
  findings.error("wrong-type", `A ${node.kind} was not expected; ${place.name} takes a text here`, node.range);
  return undefined;
}

/** Reads names with texts (`env`, `with`, `outputs`), or one expression that yields them. */
export function readMappingTemplate(
  node: YamlNode,
  place: Place,
  findings: Findings,
  scalars: Scalars = "text",
): MappingTemplate | undefined {
  if (node.kind === "scalar") {
    const template = readScalar(node, place, findings, "typed");
    if (template.kind === "expression") return template;
    if (node.value === null) return { kind: "mapping", entries: [], range: node.range };
    findings.error("wrong-type", "A mapping of names to texts was expected", node.range);
    return undefined;
  }
  if (node.kind === "sequence") {
    findings.error("wrong-type", "A sequence was not expected; write a mapping of names to texts", node.range);
    return undefined;
  }
  for (const { key, value } of node.entries) {
    if (value.kind === "scalar" || isInsert(key)) continue;
    findings.error("wrong-type", `A ${value.kind} was not expected; '${key.value}' takes a text`, value.range);
  }
  const template = readTemplate(flat(node), place, findings, scalars);
  return template.kind === "mapping" ? template : undefined;
}

/** Reads a scalar where no expression is allowed. */
export function readPlainText(node: YamlNode, what: string, findings: Findings): string | undefined {
  if (node.kind !== "scalar") {
    findings.error("wrong-type", `A ${node.kind} was not expected; ${what} takes a text`, node.range);
    return undefined;
  }
  const text = toText(node.value);
  if (text.includes("${{")) {
    findings.error("expression-not-allowed", `A template expression is not allowed in ${what}`, node.range);
  }
  return text;
}

function flat(node: YamlMapping): YamlMapping {
  const entries = node.entries.filter(({ key, value }) => value.kind === "scalar" || isInsert(key));
  // A key without a value is an empty text.
  const given = entries.map(({ key, value }) => ({
    key,
    value: value.kind === "scalar" && value.value === null ? { ...value, value: "" } : value,
  }));
  return { ...node, entries: given };
}

function isInsert(key: YamlScalar): boolean {
  return typeof key.value === "string" && /^\$\{\{\s*insert\s*\}\}$/.test(key.value);
}

function readEntry(entry: YamlEntry, place: Place, findings: Findings, scalars: Scalars): MappingEntry | undefined {
  const { key } = entry;
  const value = readTemplate(entry.value, place, findings, scalars);
  if (!isInsert(key)) return { key: readScalar(key, place, findings, "text"), value };
  if (value.kind !== "mapping" && value.kind !== "expression") {
    findings.error(
      "bad-insert",
      "'${{ insert }}' takes a mapping or one expression that yields a mapping",
      value.range,
    );
    return undefined;
  }
  return { key: { kind: "insert", range: key.range }, value };
}

function readScalar(node: YamlScalar, place: Place, findings: Findings, scalars: Scalars): Template {
  const { value, range } = node;
  if (typeof value === "string" && value.includes("${{")) {
    const template = readSpliced(value, place, range, findings);
    const root = template.kind === "expression" ? template.expression.root : undefined;
    // `${{ '…' }}` is GitHub's way to write a text that holds `${{`.
    return root?.kind === "literal" && typeof root.value === "string"
      ? { kind: "literal", value: root.value, range }
      : template;
  }
  return { kind: "literal", value: scalars === "text" ? toText(value) : value, range };
}

/** Reads a text that holds `${{`. */
export function readSpliced(text: string, place: Place, range: Range, findings: Findings): Template {
  const nothing: Template = { kind: "literal", value: null, range };
  const pieces = splitText(text);
  if (pieces === undefined) {
    const message = "The expression is not closed: '${{' was found without its closing '}}'";
    findings.error("unclosed-expression", message, range);
    return nothing;
  }
  if (text.length > MAX_LENGTH) {
    const message = `Exceeded max expression length ${MAX_LENGTH}: move the script into a file, or its expressions into env`;
    findings.error("too-long", message, range);
    return nothing;
  }
  const parts: (string | Expression)[] = [];
  for (const piece of pieces) {
    if (piece.kind === "expression" && piece.text.trim() === "insert") {
      findings.error(
        "bad-insert",
        "The directive 'insert' is not allowed here; it has to be a key of a mapping",
        range,
      );
      return nothing;
    }
    const part = piece.kind === "text" ? piece.text : readExpression(piece.text, place, range, findings);
    if (part !== undefined) parts.push(part);
  }
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== "string") {
    return { kind: "expression", expression: only, range };
  }
  return { kind: "text", parts, range };
}
