import type { Range } from "../diagnostic.ts";
import type { Findings } from "./findings.ts";
import type { YamlMapping, YamlNode } from "./yaml-node.ts";

/** What a mapping with fixed keys may hold. */
export interface Shape {
  /** What it is, for messages: `a step`. */
  readonly what: string;
  readonly keys: readonly string[];
  /** Keys that must be there and not be null. */
  readonly required?: readonly string[];
  /** Keys that GitHub knows and this program does not support. */
  readonly unsupported?: readonly string[];
}

/** The values of a mapping by key. */
export interface Fields {
  readonly range: Range;
  get(key: string): YamlNode | undefined;
  /** Place of a key. */
  keyRange(key: string): Range | undefined;
}

/** Reads a mapping with fixed keys. Unknown keys are warnings, as Gitea accepts them; missing ones are errors. */
export function readFields(node: YamlNode, shape: Shape, findings: Findings): Fields | undefined {
  if (node.kind !== "mapping") {
    const found = node.kind === "sequence" ? "A sequence" : node.value === null ? "Nothing" : `'${node.value}'`;
    const problem = node.kind === "sequence" ? `${found} was not expected` : `Unexpected value ${found}`;
    findings.error("wrong-type", `${problem}; ${shape.what} is a mapping`, node.range);
    return undefined;
  }
  const entries = new Map(node.entries.map((entry) => [String(entry.key.value ?? ""), entry]));
  checkKeys(node, shape, findings);
  const start = node.entries[0]?.key.range ?? node.range;
  for (const key of shape.required ?? []) {
    const entry = entries.get(key);
    if (entry === undefined) {
      findings.error("missing-key", `Required property is missing: ${key}; add it to ${shape.what}`, start);
    } else if (entry.value.kind === "scalar" && entry.value.value === null) {
      findings.error("missing-value", `The key '${key}' of ${shape.what} has no value`, entry.value.range);
    }
  }
  return { range: node.range, get: (key) => entries.get(key)?.value, keyRange: (key) => entries.get(key)?.key.range };
}

function checkKeys(node: YamlMapping, shape: Shape, findings: Findings): void {
  for (const { key } of node.entries) {
    const name = String(key.value ?? "");
    if (shape.keys.includes(name)) continue;
    if (shape.unsupported?.includes(name)) {
      findings.error(
        "not-supported",
        `The key '${name}' of ${shape.what} is not supported by this server; remove it`,
        key.range,
      );
    } else if (name.includes("${{")) {
      const message = `A template expression is not allowed as a key of ${shape.what}`;
      findings.error("expression-not-allowed", message, key.range);
    } else {
      const near = nearest(name, shape.keys);
      const hint = near === undefined ? "" : `; did you mean '${near}'?`;
      findings.warning(
        "unknown-key",
        `Unexpected value '${name}': it is no key of ${shape.what} and is ignored${hint}`,
        key.range,
      );
    }
  }
}

/** The candidate that is one or two edits away, if any. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((candidate) => [distance(name.toLowerCase(), candidate), candidate] as const);
  const [best] = scored.sort(([a], [b]) => a - b);
  return best !== undefined && best[0] <= 2 ? best[1] : undefined;
}

function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (x === y ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? Number.POSITIVE_INFINITY;
}
