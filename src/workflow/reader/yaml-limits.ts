import { Lexer } from "yaml";

/** What a file may be like; the defaults are GitHub's. */
export interface YamlLimits {
  /** Size in bytes of UTF-8. @default 1 MiB */
  readonly maxBytes?: number;
  /** Nested lists and mappings. @default 50 */
  readonly maxDepth?: number;
  /** Scalars, lists and mappings after the expansion of aliases. @default 100,000 */
  readonly maxNodes?: number;
}

/** The limits, complete. */
export const YAML_LIMITS: Required<YamlLimits> = { maxBytes: 1024 * 1024, maxDepth: 50, maxNodes: 100_000 };

/** Separators and properties with nothing between them; the parser makes a costly error of each. */
const MAX_EMPTY = 1_000;

/**
 * Refuses a file that is too large before it is parsed: the parser is recursive and takes seconds for a megabyte of
 * hostile input, the lexer does not. Returns the sentence for the refusal, or undefined.
 */
export function refuseHostileYaml(source: string, limits: Required<YamlLimits>): string | undefined {
  if (new TextEncoder().encode(source).length > limits.maxBytes) {
    return `The file is larger than ${limits.maxBytes} bytes; move scripts out of the workflow into files of their own`;
  }
  const counts = new Map<string, number>();
  let flowDepth = 0;
  let lineDepth = 0;
  let empty = 0;
  let before = "";
  for (const kind of kindsOf(source)) {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (kind === "[") flowDepth++;
    else if (kind === "]") flowDepth--;
    else if (kind === "-" || kind === "?") lineDepth++;
    else if (kind === "\n") lineDepth = 0;
    if (kind === before && MEANT_ONCE.has(kind)) empty++;
    if (kind !== "\n") before = kind;
    // Every separator stands beside a value, and most lines hold one.
    if (count > limits.maxNodes) return tooManyNodes(limits);
    if (flowDepth > limits.maxDepth || lineDepth > limits.maxDepth) return tooDeep(limits);
    if (empty > MAX_EMPTY) return "The file has too many empty values, tags or anchors in a row; remove them";
  }
  return undefined;
}

/** Kinds that mean nothing directly after one of their own. */
const MEANT_ONCE: ReadonlySet<string> = new Set([",", ":", "?", "!", "&"]);

/** What the lexemes of a file count as: `value`, or a separator, bracket, property or line end by its first character. */
function* kindsOf(source: string): Generator<string> {
  let isText = false;
  for (const lexeme of new Lexer().lex(source)) {
    const first = lexeme[0] ?? "";
    // The text of a plain or block scalar comes after this mark and may look like anything.
    if (isText) isText = false;
    else if (lexeme === "\u001f") {
      isText = true;
      yield "value";
    } else if ("*'\"".includes(first)) yield "value";
    else if (first === "{" || first === "}") yield first === "{" ? "[" : "]";
    else if (first === "\r" || first === "\n") yield "\n";
    else if ("[],:-?!&".includes(first)) yield first;
  }
}

/** The sentence for a file with too many nodes. */
export function tooManyNodes({ maxNodes }: Required<YamlLimits>): string {
  return `The file has more than ${maxNodes} values after its aliases are expanded; split it or remove aliases`;
}

/** The sentence for a file that is nested too deeply. */
export function tooDeep({ maxDepth }: Required<YamlLimits>): string {
  return `The file is nested deeper than ${maxDepth} levels (maximum object depth exceeded); flatten it`;
}
