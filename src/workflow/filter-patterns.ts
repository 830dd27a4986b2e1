import { AppError } from "../lib/errors.ts";

/** Longest pattern that is compiled. */
const MAX_LENGTH = 1000;

/**
 * Whether any of the names passes an include list (`branches`, `tags`, `paths`). Patterns are tried in order; a `!`
 * pattern takes out what earlier ones took in, a later one can take it in again. An empty list lets everything pass.
 * @throws AppError("invalid") on a pattern that is not one
 */
export function matchesAny(patterns: readonly string[], names: readonly string[]): boolean {
  if (patterns.length === 0) return true;
  const compiled = patterns.map(compilePattern);
  return names.some((name) => passes(compiled, name));
}

/**
 * Whether every name is matched by an ignore list (`branches-ignore`, `tags-ignore`, `paths-ignore`), so that the event
 * is to be skipped. Here a `!` pattern matches whatever its rest does not, in any order, as in act. False without names or patterns. @throws AppError("invalid") on a pattern that is not one
 */
export function matchesAll(patterns: readonly string[], names: readonly string[]): boolean {
  if (patterns.length === 0 || names.length === 0) return false;
  const compiled = patterns.map(compilePattern);
  return names.every((name) => compiled.some(({ negative, expression }) => expression.test(name) !== negative));
}

/** A pattern with its sign. */
interface Compiled {
  readonly negative: boolean;
  readonly expression: RegExp;
}

function passes(patterns: readonly Compiled[], name: string): boolean {
  let matched = false;
  for (const { negative, expression } of patterns) if (expression.test(name)) matched = !negative;
  return matched;
}

/**
 * Translates GitHub's filter syntax: `*` any run without `/`, `**` any run, `?` zero or one and `+` one or more of the
 * character before, `[a-z]` one of a set, `!` at the start turns the pattern around, `\` takes the next one literally.
 */
function compilePattern(pattern: string): Compiled {
  if (pattern.length > MAX_LENGTH) throw invalid(pattern.slice(0, 40), `is longer than ${MAX_LENGTH} characters`);
  const negative = pattern.startsWith("!");
  const body = negative ? pattern.slice(1) : pattern;
  const pieces: string[] = [];
  for (let index = 0; index < body.length; ) {
    const [piece, length] = translate(body, index, pieces.length > 0);
    const previous = pieces.at(-1) ?? "";
    const repeatsRun = previous.startsWith("[^/]*") || previous.startsWith(".*");
    if (!(repeatsRun && (piece === "?" || piece === "+" || piece === previous))) pieces.push(piece);
    index += length;
  }
  return { negative, expression: new RegExp(`^(?:${pieces.join("")})$`, "us") };
}

/** The regular expression for the piece of a pattern at `index`, and the length of that piece. */
function translate(body: string, index: number, hasPrevious: boolean): [piece: string, length: number] {
  const character = String.fromCodePoint(body.codePointAt(index) ?? 0);
  if (body.startsWith("**/", index) && (index === 0 || body.charAt(index - 1) === "/")) return ["(?:.*/)?", 3];
  if (body.startsWith("**", index)) return [".*", 2];
  switch (character) {
    case "*":
      return ["[^/]*", 1];
    case "?":
    case "+":
      if (!hasPrevious) throw invalid(body, `has nothing before '${character}'`);
      return [character, 1];
    case "[":
      return translateSet(body, index);
    case "\\":
      if (index + 1 >= body.length) throw invalid(body, "ends with a backslash");
      return [escaped(body.charAt(index + 1)), 2];
    default:
      return [escaped(character), character.length];
  }
}

function translateSet(body: string, index: number): [piece: string, length: number] {
  const end = body.indexOf("]", index + 1);
  const inner = body.slice(index + 1, end);
  if (end === -1 || !/^(?:[A-Za-z0-9](?:-[A-Za-z0-9])?)+$/.test(inner)) {
    throw invalid(body, "has a set that is not made of letters, digits and ranges, such as [a-z0-9]");
  }
  for (const [, from = "", to = ""] of inner.matchAll(/(.)-(.)/g)) {
    if (from > to) throw invalid(body, `has the range ${from}-${to}, which is the wrong way round`);
  }
  return [`[${inner}]`, end + 1 - index];
}

function escaped(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function invalid(pattern: string, problem: string): AppError {
  return new AppError("invalid", `The filter pattern '${pattern}' ${problem}`);
}
