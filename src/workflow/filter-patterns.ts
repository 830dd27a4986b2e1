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
  return names.every((name) => compiled.some((pattern) => matches(pattern, name) !== pattern.negative));
}

/** A pattern with its sign. */
interface Compiled {
  readonly negative: boolean;
  readonly pieces: readonly Piece[];
}

/** Some characters, once unless `optional` or `repeated`; `directories` is zero or more whole directories with their `/`. */
interface Piece {
  readonly accepts: (character: string) => boolean;
  optional: boolean;
  repeated: boolean;
  readonly directories?: true;
}

function passes(patterns: readonly Compiled[], name: string): boolean {
  let matched = false;
  for (const pattern of patterns) if (matches(pattern, name)) matched = !pattern.negative;
  return matched;
}

/**
 * Reads GitHub's filter syntax: `*` any run without `/`, `**` any run, `?` zero or one and `+` one or more of the
 * character before, `[a-z]` one of a set, `!` at the start turns the pattern around, `\` takes the next one literally.
 */
function compilePattern(pattern: string): Compiled {
  if (pattern.length > MAX_LENGTH) throw invalid(pattern.slice(0, 40), `is longer than ${MAX_LENGTH} characters`);
  const negative = pattern.startsWith("!");
  const body = [...(negative ? pattern.slice(1) : pattern)];
  const pieces: Piece[] = [];
  for (let index = 0; index < body.length; ) {
    const character = body[index];
    const last = pieces.at(-1);
    if (character === "?" || character === "+") {
      if (last === undefined) throw invalid(pattern, `has nothing before '${character}'`);
      if (character === "?") last.optional = true;
      else last.repeated = true;
      index++;
    } else {
      const [piece, length] = readPiece(body, index, pattern);
      pieces.push(piece);
      index += length;
    }
  }
  return { negative, pieces };
}

function readPiece(body: readonly string[], index: number, pattern: string): [piece: Piece, length: number] {
  const character = body[index] ?? "";
  if (character === "*") {
    if (body[index + 1] !== "*") return [run((other) => other !== "/"), 1];
    const startsDirectory = index === 0 || body[index - 1] === "/";
    if (startsDirectory && body[index + 2] === "/") return [{ ...run(() => true), directories: true }, 3];
    return [run(() => true), 2];
  }
  if (character === "[") return readSet(body, index, pattern);
  if (character !== "\\") return [one(character), 1];
  const literal = body[index + 1];
  if (literal === undefined) throw invalid(pattern, "ends with a backslash");
  return [one(literal), 2];
}

function readSet(body: readonly string[], index: number, pattern: string): [piece: Piece, length: number] {
  const end = body.indexOf("]", index + 1);
  const inner = body.slice(index + 1, end).join("");
  if (end === -1 || !/^(?:[A-Za-z0-9](?:-[A-Za-z0-9])?)+$/.test(inner)) {
    throw invalid(pattern, "has a set that is not made of letters, digits and ranges, such as [a-z0-9]");
  }
  const ranges = [...inner.matchAll(/(.)(?:-(.))?/g)].map(([, from = "", to = from]) => [from, to] as const);
  for (const [from, to] of ranges) {
    if (from > to) throw invalid(pattern, `has the range ${from}-${to}, which is the wrong way round`);
  }
  const accepts = (character: string) => ranges.some(([from, to]) => from <= character && character <= to);
  return [{ accepts, optional: false, repeated: false }, end + 1 - index];
}

function one(literal: string): Piece {
  return { accepts: (character) => character === literal, optional: false, repeated: false };
}

function run(accepts: (character: string) => boolean): Piece {
  return { accepts, optional: true, repeated: true };
}

/**
 * Follows all ways through the pattern at once, so that no pattern is slow: a regular expression would backtrack.
 * A state `2i` waits for piece `i`, `2i + 1` is inside of it.
 */
function matches({ pieces }: Compiled, name: string): boolean {
  let states = reach(new Set([0]), pieces);
  for (const character of name) {
    const next = new Set<number>();
    for (const state of states) {
      const piece = pieces[state >> 1];
      if (!piece?.accepts(character)) continue;
      if (piece.repeated) next.add(state | 1);
      if (!piece.directories || character === "/") next.add((state | 1) + 1);
    }
    states = reach(next, pieces);
  }
  return states.has(2 * pieces.length);
}

/** Adds the states that are reached without a character. */
function reach(states: Set<number>, pieces: readonly Piece[]): Set<number> {
  for (const state of states) {
    const piece = pieces[state >> 1];
    const isInside = state % 2 === 1;
    if (piece !== undefined && !isInside && piece.optional) states.add(state + 2);
  }
  return states;
}

function invalid(pattern: string, problem: string): AppError {
  return new AppError("invalid", `The filter pattern '${pattern}' ${problem}`);
}
