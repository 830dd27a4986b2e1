import { ExpressionError } from "./expression-error.ts";
import { CONTEXTS, FUNCTIONS, type KnownNames, STATUS_FUNCTIONS } from "./known-names.ts";
import { Lexer, type Token, unexpectedSymbol } from "./lexer.ts";
import { type Comparison, childrenOf, type Expression, type ExpressionNode } from "./syntax.ts";

/** Longest expression, in UTF-16 code units, as on GitHub. */
const MAX_LENGTH = 21_000;
/** Deepest tree, as on GitHub. */
const MAX_DEPTH = 50;

/** Reads an expression (the text inside `${{ }}`); an empty one is null. @throws ExpressionError with the position of the mistake */
export function parseExpression(source: string, names: KnownNames = {}): Expression {
  if (source.length > MAX_LENGTH) {
    const message = `Exceeded max expression length ${MAX_LENGTH}; move the text into a script or an environment variable`;
    throw new ExpressionError("parsing", message);
  }
  return { source, root: new Parser(source, names).parse() };
}

/** Recursive descent over a token stream with one token of look-ahead. */
class Parser {
  readonly #source: string;
  readonly #lexer: Lexer;
  readonly #contexts: ReadonlySet<string>;
  readonly #functions: ReadonlySet<string>;
  readonly #depths = new WeakMap<ExpressionNode, number>();
  #token: Token;
  #last: Token | undefined;
  #nesting = 0;

  constructor(source: string, names: KnownNames) {
    this.#source = source;
    this.#lexer = new Lexer(source);
    this.#contexts = new Set((names.contexts ?? CONTEXTS).map((name) => name.toLowerCase()));
    this.#functions = new Set((names.functions ?? STATUS_FUNCTIONS).map((name) => name.toLowerCase()));
    this.#token = this.#lexer.next();
  }

  parse(): ExpressionNode {
    if (this.#ended()) return { kind: "literal", value: null };
    const root = this.#expression();
    if (!this.#ended()) throw this.#unexpected();
    return root;
  }

  #ended(): boolean {
    return this.#token.kind === "end";
  }

  #expression(): ExpressionNode {
    if (++this.#nesting > MAX_DEPTH) throw this.#tooDeep();
    const node = this.#chain("or", "||", () => this.#chain("and", "&&", () => this.#equality()));
    this.#nesting--;
    return node;
  }

  #chain(kind: "and" | "or", operator: string, operand: () => ExpressionNode): ExpressionNode {
    const first = operand();
    const more: ExpressionNode[] = [];
    while (this.#accept(operator)) more.push(operand());
    return more.length === 0 ? first : this.#node({ kind, operands: [first, ...more] });
  }

  #equality(): ExpressionNode {
    return this.#comparison(["==", "!="], () => this.#comparison(["<", "<=", ">", ">="], () => this.#unary()));
  }

  #comparison(operators: readonly Comparison[], operand: () => ExpressionNode): ExpressionNode {
    let left = operand();
    for (;;) {
      const operator = operators.find((candidate) => this.#accept(candidate));
      if (operator === undefined) return left;
      left = this.#node({ kind: "compare", operator, left, right: operand() });
    }
  }

  #unary(): ExpressionNode {
    let negations = 0;
    while (this.#accept("!")) negations++;
    let node = this.#postfix();
    for (; negations > 0; negations--) node = this.#node({ kind: "not", operand: node });
    return node;
  }

  #postfix(): ExpressionNode {
    const { kind } = this.#token;
    let node = this.#primary();
    while (kind === "name" || kind === "punctuation") {
      if (this.#accept(".")) node = this.#property(node);
      else if (this.#accept("[")) node = this.#index(node);
      else break;
    }
    return node;
  }

  #primary(): ExpressionNode {
    const token = this.#token;
    if (token.kind === "number" || token.kind === "string" || token.kind === "keyword") {
      this.#advance();
      return this.#node({ kind: "literal", value: token.value ?? null });
    }
    if (this.#accept("(")) {
      const inner = this.#expression();
      this.#require(")");
      return inner;
    }
    if (token.kind !== "name") throw this.#unexpected();
    this.#advance();
    if (this.#token.raw === "(" && this.#token.kind === "punctuation") return this.#call(token);
    if (!this.#contexts.has(token.raw.toLowerCase())) throw this.#unrecognized("named-value", token);
    return this.#node({ kind: "context", name: token.raw });
  }

  #property(target: ExpressionNode): ExpressionNode {
    if (this.#accept("*")) return this.#node({ kind: "star", target });
    const name = this.#token;
    if (name.kind !== "name") throw this.#unexpected();
    this.#advance();
    return this.#node({ kind: "index", target, index: this.#node({ kind: "literal", value: name.raw }) });
  }

  #index(target: ExpressionNode): ExpressionNode {
    if (this.#accept("*")) {
      this.#require("]");
      return this.#node({ kind: "star", target });
    }
    const index = this.#expression();
    this.#require("]");
    return this.#node({ kind: "index", target, index });
  }

  #call(name: Token): ExpressionNode {
    const lower = name.raw.toLowerCase();
    const arity = FUNCTIONS.get(lower);
    const known = !STATUS_FUNCTIONS.includes(lower) || this.#functions.has(lower);
    if (arity === undefined || !known) throw this.#unrecognized("function", name);
    this.#require("(");
    const args: ExpressionNode[] = [];
    if (!this.#accept(")")) {
      do args.push(this.#expression());
      while (this.#accept(","));
      this.#require(")");
    }
    if (args.length < arity.min) throw this.#fault("Too few parameters supplied", name);
    if (args.length > arity.max) throw this.#fault("Too many parameters supplied", name);
    if (arity.odd && args.length % 2 === 0) {
      throw this.#fault("Even number of parameters supplied, requires an odd number of parameters", name);
    }
    return this.#node({ kind: "call", name: lower, args });
  }

  #node(node: ExpressionNode): ExpressionNode {
    const children = childrenOf(node).map((child) => this.#depths.get(child) ?? 1);
    const depth = 1 + Math.max(0, ...children);
    if (depth > MAX_DEPTH) throw this.#tooDeep();
    this.#depths.set(node, depth);
    return node;
  }

  #accept(raw: string): boolean {
    if (this.#token.kind !== "punctuation" || this.#token.raw !== raw) return false;
    this.#advance();
    return true;
  }

  #require(raw: string): void {
    if (!this.#accept(raw)) throw this.#unexpected();
  }

  #advance(): void {
    this.#last = this.#token;
    this.#token = this.#lexer.next();
  }

  #unexpected(): ExpressionError {
    const { kind, raw, position } = this.#token;
    if (kind === "end" && this.#last !== undefined) return this.#fault("Unexpected end of expression", this.#last);
    return new ExpressionError("parsing", unexpectedSymbol(raw, position, this.#source), position);
  }

  #unrecognized(what: "named-value" | "function", token: Token): ExpressionError {
    return this.#fault(`Unrecognized ${what}`, token);
  }

  #fault(problem: string, { raw, position }: Token): ExpressionError {
    const place = `Located at position ${position + 1} within expression: ${this.#source}`;
    return new ExpressionError("parsing", `${problem}: '${raw}'. ${place}`, position);
  }

  #tooDeep(): ExpressionError {
    return new ExpressionError("parsing", `Exceeded max expression depth ${MAX_DEPTH}`, this.#token.position);
  }
}
