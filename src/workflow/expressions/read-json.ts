import { ExpressionError } from "./expression-error.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { ExprArray, ExprObject, type ExprValue } from "./value.ts";

const MAX_DEPTH = 64;
const SPACE = /(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*)*/y;
const NUMBER = /-?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/y;
const WORD = /-?[A-Za-z_$][\w$]*/y;
const WORDS: ReadonlyMap<string, ExprValue> = new Map<string, ExprValue>([
  ...([
    ["null", null],
    ["true", true],
    ["false", false],
    ["NaN", Number.NaN],
  ] as const),
  ...([
    ["Infinity", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
  ] as const),
]);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/**
 * `fromJSON`: reads JSON as leniently as Newtonsoft.Json does (comments, trailing commas, single quotes, bare keys) and
 * keeps the order of keys, also of those that look like integers, which JSON.parse does not.
 * @throws ExpressionError naming the position
 */
export function readJson(text: string, budget: MemoryBudget = new MemoryBudget(Number.POSITIVE_INFINITY)): ExprValue {
  const reader = new JsonReader(text, budget);
  return reader.document();
}

class JsonReader {
  readonly #text: string;
  readonly #budget: MemoryBudget;
  #offset = 0;

  constructor(text: string, budget: MemoryBudget) {
    this.#text = text;
    this.#budget = budget;
  }

  document(): ExprValue {
    const value = this.#value(0);
    this.#match(SPACE);
    if (this.#offset < this.#text.length) throw this.#fault();
    return value;
  }

  #value(depth: number): ExprValue {
    if (depth > MAX_DEPTH)
      throw new ExpressionError("evaluation", `The JSON is nested deeper than ${MAX_DEPTH} levels`);
    this.#match(SPACE);
    this.#budget.add(24);
    if (this.#accept("[")) return new ExprArray(this.#items(depth));
    if (this.#accept("{")) return new ExprObject(this.#members(depth));
    const string = this.#match(STRING);
    if (string !== undefined) return this.#unescape(string);
    const start = this.#offset;
    const word = this.#match(WORD);
    if (word !== undefined) {
      const value = WORDS.get(word);
      if (value !== undefined) return value;
      this.#offset = start;
      throw this.#fault();
    }
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#fault();
    return number.startsWith("-0x") ? -Number(number.slice(1)) : Number(number);
  }

  #items(depth: number): ExprValue[] {
    const items: ExprValue[] = [];
    for (;;) {
      this.#match(SPACE);
      if (this.#accept("]")) return items;
      items.push(this.#value(depth + 1));
      this.#match(SPACE);
      if (this.#accept("]")) return items;
      if (!this.#accept(",")) throw this.#fault();
    }
  }

  #members(depth: number): [string, ExprValue][] {
    const members: [string, ExprValue][] = [];
    for (;;) {
      this.#match(SPACE);
      if (this.#accept("}")) return members;
      const quoted = this.#match(STRING);
      const key = quoted === undefined ? this.#match(WORD) : this.#unescape(quoted);
      if (key === undefined) throw this.#fault();
      this.#match(SPACE);
      if (!this.#accept(":")) throw this.#fault();
      members.push([key, this.#value(depth + 1)]);
      this.#match(SPACE);
      if (this.#accept("}")) return members;
      if (!this.#accept(",")) throw this.#fault();
    }
  }

  #unescape(raw: string): string {
    const text = raw.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g, (_, code?: string, single?: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      if (single === undefined || !/["'\\/bfnrt]/.test(single)) throw this.#fault();
      return ESCAPES.get(single) ?? single;
    });
    this.#budget.addText(text);
    return text;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    this.#offset += found?.length ?? 0;
    return found;
  }

  #accept(character: string): boolean {
    if (this.#text.charAt(this.#offset) !== character) return false;
    this.#offset++;
    return true;
  }

  /** Names the place only: the text may hold a secret. */
  #fault(): ExpressionError {
    return new ExpressionError("evaluation", `fromJSON: the text is not valid JSON at position ${this.#offset + 1}`);
  }
}
