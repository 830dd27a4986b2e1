import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { Range } from "../diagnostic.ts";
import { foldCase } from "../expressions/value.ts";
import type { Findings } from "./findings.ts";
import { isTolerated } from "./is-tolerated.ts";
import { aliasTargets, isMergeKey } from "./yaml-aliases.ts";
import { refuseHostileYaml, tooDeep, tooManyNodes, YAML_LIMITS, type YamlLimits } from "./yaml-limits.ts";
import type { YamlEntry, YamlNode, YamlScalar } from "./yaml-node.ts";

const START: Range = { line: 1, column: 1, endLine: 1, endColumn: 1 };
/** A whole number, which the library does not take for a `!!float`. */
const WHOLE = /^[+-]?\d+$/;
const CORE_TAG = /^tag:yaml\.org,2002:(null|bool|int|float|str|seq|map)$/;

/**
 * Reads a YAML file into nodes with places; aliases and merge keys (`<<`) are expanded under the limits. What is wrong
 * goes to `findings`; the root is absent when nothing can be read. `visited` counts the nodes that were looked at.
 */
export function readYaml(
  source: string,
  findings: Findings,
  limits: YamlLimits = {},
): { root?: YamlNode; visited: number } {
  const complete = { ...YAML_LIMITS, ...limits };
  const refusal = refuseHostileYaml(source, complete);
  if (refusal !== undefined) {
    findings.error("limit-exceeded", refusal, START);
    return { visited: 0 };
  }
  const lines = new LineCounter();
  const document = parsed(source, lines);
  if (document === undefined) {
    findings.error("limit-exceeded", tooDeep(complete), START);
    return { visited: 0 };
  }
  const walker = new Walker(document, lines, findings, complete);
  walker.reportSyntax();
  if (findings.failed) return { visited: 0 };
  const root = walker.read(document.contents, 1);
  if (findings.failed) return { visited: walker.visited };
  if (root === undefined || (root.kind === "scalar" && root.value === null)) {
    findings.error("empty-file", "The file is empty; a workflow needs at least 'on' and 'jobs'", START);
    return { visited: walker.visited };
  }
  return { root, visited: walker.visited };
}

/** The document; undefined where the parser, which calls itself for every key of a broken mapping, runs out of stack. */
function parsed(source: string, lineCounter: LineCounter): Document | undefined {
  const options = { lineCounter, uniqueKeys: false, prettyErrors: false, stringKeys: false } as const;
  try {
    return parseDocument(source, { ...options, logLevel: "silent" });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Walks the document once; stops quietly when a limit is hit. */
class Walker {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #findings: Findings;
  readonly #limits: Required<YamlLimits>;
  readonly #open = new Set<Node>();
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly #ranges = new Map<readonly number[], Range>();
  #stopReason: string | undefined;
  visited = 0;

  constructor(document: Document, lines: LineCounter, findings: Findings, limits: Required<YamlLimits>) {
    this.#document = document;
    this.#lines = lines;
    this.#findings = findings;
    this.#limits = limits;
    this.#targets = aliasTargets(document);
  }

  reportSyntax(): void {
    for (const error of this.#document.errors) {
      const range = this.#range(error.pos);
      if (isTolerated(error)) this.#findings.warning("yaml-syntax", `YAML: ${error.message}`, range);
      else this.#findings.error("yaml-syntax", `YAML: ${error.message}`, range);
    }
  }

  read(node: Node | null, depth: number): YamlNode | undefined {
    if (this.#stopReason !== undefined) return undefined;
    const range = this.#range(node?.range);
    if (++this.visited > this.#limits.maxNodes) return this.#stop(tooManyNodes(this.#limits), range);
    if (depth > this.#limits.maxDepth) return this.#stop(tooDeep(this.#limits), range);
    if (node === null) return { kind: "scalar", value: null, range };
    if (isAlias(node)) return this.#alias(node, depth);
    if (isScalar(node)) return this.#scalar(node);
    this.#checkTag(node.tag, range);
    if (this.#open.has(node)) return this.#stop("An alias stands inside of its own anchor; remove it", range);
    this.#open.add(node);
    const result = this.#collection(node, depth, range);
    this.#open.delete(node);
    return result;
  }

  #collection(node: Node, depth: number, range: Range): YamlNode {
    if (isMap(node)) return { kind: "mapping", entries: this.#entries(node, depth), range };
    const items: YamlNode[] = [];
    if (isSeq(node)) {
      for (const item of node.items) {
        const read = this.read(item as Node | null, depth + 1);
        if (read === undefined) break;
        items.push(read);
      }
    }
    return { kind: "sequence", items, range };
  }

  #alias(node: Alias, depth: number): YamlNode | undefined {
    const target = this.#targets.get(node);
    if (target !== undefined) return this.read(target, depth);
    const message = `The alias '*${node.source}' has no anchor '&${node.source}' before it`;
    this.#findings.error("unknown-alias", message, this.#range(node.range));
    return { kind: "scalar", value: null, range: this.#range(node.range) };
  }

  #scalar(node: Scalar): YamlScalar {
    const range = this.#range(node.range);
    this.#checkTag(node.tag, range);
    const explicit = CORE_TAG.exec(node.tag ?? "")?.[1];
    const whole =
      explicit === "float" && node.type === "PLAIN" && typeof node.value === "string" && WHOLE.test(node.value);
    const value: unknown = whole ? Number(node.value) : node.value;
    if (explicit !== undefined && !agrees(explicit, value, node.type)) {
      const message = `The value '${String(value)}' is invalid for the type '!!${explicit}'`;
      this.#findings.error("wrong-tag", message, range);
    }
    if (typeof value === "bigint") return { kind: "scalar", value: Number(value), range };
    const plain = value === null || ["boolean", "number", "string"].includes(typeof value);
    return { kind: "scalar", value: plain ? (value as YamlScalar["value"]) : String(node.source ?? value), range };
  }

  #entries(map: YAMLMap, depth: number): YamlEntry[] {
    const own: YamlEntry[] = [];
    const merged: YamlEntry[] = [];
    const seen = new Set<string>();
    for (const pair of map.items as Pair<Node | null, Node | null>[]) {
      if (this.#stopReason !== undefined) break;
      if (isMergeKey(pair.key)) {
        merged.push(...this.#merged(pair.value, depth));
        continue;
      }
      const key = this.read(pair.key, depth + 1);
      const value = this.read(pair.value, depth + 1);
      if (key === undefined || value === undefined) break;
      if (key.kind !== "scalar") {
        this.#findings.error("bad-key", "A key has to be a text, not a list or a mapping", key.range);
        continue;
      }
      const folded = foldCase(String(key.value ?? ""));
      if (seen.has(folded)) {
        this.#findings.error("duplicate-key", `'${key.value}' is already defined; remove one of the two`, key.range);
        continue;
      }
      seen.add(folded);
      own.push({ key, value: pair.value === null ? { ...value, range: key.range } : value });
    }
    const inherited = merged.filter(({ key }) => {
      const folded = foldCase(String(key.value ?? ""));
      return !seen.has(folded) && seen.add(folded);
    });
    return [...own, ...inherited];
  }

  #merged(value: Node | null, depth: number): YamlEntry[] {
    const node = this.read(value, depth + 1);
    if (node === undefined) return [];
    const sources = node.kind === "sequence" ? node.items : [node];
    return sources.flatMap((source) => {
      if (source.kind === "mapping") return source.entries;
      this.#findings.error("bad-merge", "The merge key '<<' takes a mapping or a list of mappings", source.range);
      return [];
    });
  }

  #checkTag(tag: string | undefined, range: Range): void {
    if (tag === undefined || tag === "!" || CORE_TAG.test(tag)) return;
    this.#findings.error("unknown-tag", `The tag '${tag}' is not supported; remove it`, range);
  }

  #stop(message: string, range: Range): undefined {
    if (this.#stopReason === undefined) this.#findings.error("limit-exceeded", message, range);
    this.#stopReason = message;
  }

  /** Cached, because an alias comes by the same node again and again. */
  #range(offsets: readonly number[] | null | undefined): Range {
    const known = offsets && this.#ranges.get(offsets);
    if (known) return known;
    const start = this.#lines.linePos(offsets?.[0] ?? 0);
    const end = this.#lines.linePos(offsets?.[1] ?? offsets?.[0] ?? 0);
    const range = { line: start.line, column: start.col, endLine: end.line, endColumn: end.col };
    if (offsets) this.#ranges.set(offsets, range);
    return range;
  }
}

function agrees(tag: string, value: unknown, style: Scalar["type"]): boolean {
  const plain = style === "PLAIN" || style === undefined;
  if (tag === "null") return value === null;
  if (tag === "bool") return typeof value === "boolean" && plain;
  if (tag === "str") return typeof value === "string";
  if (tag === "int" || tag === "float") return (typeof value === "number" || typeof value === "bigint") && plain;
  return false;
}
