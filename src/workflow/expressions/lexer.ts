import { ExpressionError } from "./expression-error.ts";
import { parseNumber } from "./parse-number.ts";

/** A token with its place in the source; `end` closes every stream. */
export interface Token {
  readonly kind: "punctuation" | "number" | "string" | "name" | "keyword" | "end";
  /** As it stands in the source. */
  readonly raw: string;
  /** Offset in the source, from 0. */
  readonly position: number;
  /** Value of a literal. */
  readonly value?: null | boolean | number | string;
}

const KEYWORDS: ReadonlyMap<string, null | boolean | number> = new Map<string, null | boolean | number>([
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
]);
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const BOUNDARY = /[\s()[\],.!<>=&|]/;
const PUNCTUATION = /(?:!=|==|<=|>=|&&|\|\||[()[\],!<>*])/y;
const STRING = /'(?:[^']|'')*'/y;

/** Splits an expression into tokens, one at a time, so that an early mistake is reported before a later one. */
export class Lexer {
  readonly #source: string;
  #offset = 0;
  #previous: Token | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  /** The next token; after the last one, `end` for ever. @throws ExpressionError of the stage `lexing` */
  next(): Token {
    this.#previous = this.#read();
    return this.#previous;
  }

  #read(): Token {
    while (this.#offset < this.#source.length && /\s/.test(this.#source.charAt(this.#offset))) this.#offset++;
    const first = this.#source.charAt(this.#offset);
    if (first === "") return { kind: "end", raw: "", position: this.#offset };
    if (first === "'") return this.#string();
    const punctuation = this.#match(PUNCTUATION);
    if (punctuation !== undefined) return this.#token("punctuation", punctuation);
    if (first === "." && this.#mayBeDereferenced()) return this.#token("punctuation", ".");
    if (/[0-9.+-]/.test(first)) return this.#number();
    return this.#name();
  }

  #mayBeDereferenced(): boolean {
    const { kind, raw } = this.#previous ?? { kind: "end", raw: "" };
    return kind === "name" || raw === ")" || raw === "]" || raw === "*";
  }

  #string(): Token {
    const raw = this.#match(STRING);
    if (raw === undefined) throw this.#unexpected(this.#source.slice(this.#offset));
    return this.#token("string", raw, raw.slice(1, -1).replaceAll("''", "'"));
  }

  #number(): Token {
    let end = this.#offset + 1;
    while (end < this.#source.length && !/[\s()[\],!<>=&|]/.test(this.#source.charAt(end))) end++;
    const raw = this.#source.slice(this.#offset, end);
    const value = parseNumber(raw);
    if (Number.isNaN(value)) throw this.#unexpected(raw);
    return this.#token("number", raw, value);
  }

  #name(): Token {
    let end = this.#offset + 1;
    while (end < this.#source.length && !BOUNDARY.test(this.#source.charAt(end))) end++;
    const raw = this.#source.slice(this.#offset, end);
    if (!NAME.test(raw)) throw this.#unexpected(raw);
    const value = this.#previous?.raw === "." ? undefined : KEYWORDS.get(raw);
    return value === undefined ? this.#token("name", raw) : this.#token("keyword", raw, value);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    return pattern.exec(this.#source)?.[0];
  }

  #token(kind: Token["kind"], raw: string, value?: null | boolean | number | string): Token {
    const token = { kind, raw, position: this.#offset, ...(value === undefined ? {} : { value }) };
    this.#offset += raw.length;
    return token;
  }

  #unexpected(raw: string): ExpressionError {
    return new ExpressionError("lexing", unexpectedSymbol(raw, this.#offset, this.#source), this.#offset);
  }
}

/** The sentence for a symbol that cannot stand where it does; positions in messages count from 1, as on GitHub. */
export function unexpectedSymbol(raw: string, position: number, source: string): string {
  return `Unexpected symbol: '${raw}'. Located at position ${position + 1} within expression: ${source}`;
}
