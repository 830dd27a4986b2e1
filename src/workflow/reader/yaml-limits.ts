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

/**
 * Refuses a file that is too large before it is parsed: the parser is recursive and takes seconds for a megabyte of
 * hostile input, the lexer does not. Returns the sentence for the refusal, or undefined.
 */
export function refuseHostileYaml(source: string, limits: Required<YamlLimits>): string | undefined {
  if (new TextEncoder().encode(source).length > limits.maxBytes) {
    return `The file is larger than ${limits.maxBytes} bytes; move scripts out of the workflow into files of their own`;
  }
  let lexemes = 0;
  let flowDepth = 0;
  let lineDepth = 0;
  for (const lexeme of new Lexer().lex(source)) {
    if (lexeme === "\u001f" || lexeme.startsWith("*")) lexemes++;
    else if (lexeme === "[" || lexeme === "{") flowDepth++;
    else if (lexeme === "]" || lexeme === "}") flowDepth--;
    else if (lexeme === "-" || lexeme === "?") lineDepth++;
    else if (lexeme === "\n") lineDepth = 0;
    if (lexemes > limits.maxNodes) return tooManyNodes(limits);
    if (flowDepth > limits.maxDepth || lineDepth > limits.maxDepth) return tooDeep(limits);
  }
  return undefined;
}

/** The sentence for a file with too many nodes. */
export function tooManyNodes({ maxNodes }: Required<YamlLimits>): string {
  return `The file has more than ${maxNodes} values after its aliases are expanded; split it or remove aliases`;
}

/** The sentence for a file that is nested too deeply. */
export function tooDeep({ maxDepth }: Required<YamlLimits>): string {
  return `The file is nested deeper than ${maxDepth} levels (maximum object depth exceeded); flatten it`;
}
