import { AppError } from "../lib/errors.ts";
import type { JsonValue } from "../lib/json.ts";
import { looselyEqual } from "./expressions/coercion.ts";
import { ExprArray, ExprObject, type ExprValue, foldCase, toJson, toText } from "./expressions/value.ts";

/** One combination of a matrix. */
export interface MatrixLeg {
  /** The `matrix` context. */
  readonly values: { readonly [key: string]: JsonValue };
  /** What GitHub appends to the job's name: ` (a, b)`, or empty. */
  readonly nameSuffix: string;
}

/** Most legs of one matrix, as on GitHub and Gitea. */
const MAX_LEGS = 256;
/** Longest display name of a leg's values, as on GitHub. */
const MAX_SUFFIX = 100;

/** A vector of the matrix. */
interface Vector {
  readonly key: string;
  readonly values: readonly ExprValue[];
}

/** A combination under construction: `original` never changes, `extra` comes from includes. */
interface Combination {
  readonly original: ReadonlyMap<string, ExprValue>;
  readonly extra: Map<string, readonly [key: string, value: ExprValue]>;
}

/**
 * Expands `strategy.matrix` by GitHub's rules: the cross product with the first key slowest, then `exclude`, then
 * `include`. @throws AppError("invalid") on an empty vector, a wrong shape, an unknown key in `exclude`, more than 256 legs
 */
export function expandMatrix(value: ExprValue): MatrixLeg[] {
  if (!(value instanceof ExprObject)) throw invalid("The matrix has to be a mapping of vectors");
  const vectors: Vector[] = [];
  let includes: readonly ExprObject[] = [];
  let excludes: readonly ExprObject[] = [];
  for (const [key, item] of value.entries()) {
    if (foldCase(key) === "INCLUDE") includes = entriesOf(item, key);
    else if (foldCase(key) === "EXCLUDE") excludes = entriesOf(item, key);
    else vectors.push({ key, values: vectorOf(item, key) });
  }
  checkExcludes(excludes, vectors);
  const kept = product(vectors).filter((combination) => !excludes.some((entry) => excluded(combination, entry)));
  const legs = include(kept, includes, vectors);
  if (legs.length > MAX_LEGS)
    throw invalid(`The matrix has ${legs.length} combinations; at most ${MAX_LEGS} are allowed`);
  if (legs.length === 0) throw invalid("The matrix has no combinations; give it a vector with values or an 'include'");
  return legs.map((leg) => toLeg(leg, vectors));
}

function vectorOf(item: ExprValue, key: string): readonly ExprValue[] {
  if (!(item instanceof ExprArray)) throw invalid(`The matrix key '${key}' has to be a sequence`);
  if (item.items.length === 0) throw invalid(`Matrix vector '${key}' does not contain any values`);
  return item.items;
}

function entriesOf(item: ExprValue, key: string): readonly ExprObject[] {
  if (item === null || item === "") return [];
  if (!(item instanceof ExprArray)) throw invalid(`The matrix key '${key}' has to be a sequence of mappings`);
  return item.items.map((entry) => {
    if (entry instanceof ExprObject) return entry;
    throw invalid(`An entry of '${key}' in the matrix is not a mapping`);
  });
}

function checkExcludes(excludes: readonly ExprObject[], vectors: readonly Vector[]): void {
  const known = new Set(vectors.map(({ key }) => foldCase(key)));
  for (const entry of excludes) {
    for (const [key] of entry.entries()) {
      if (!known.has(foldCase(key))) throw invalid(`'exclude' of the matrix names '${key}', which is no vector of it`);
    }
  }
}

/** The cross product, first key slowest; refuses early what would not fit into memory. */
function product(vectors: readonly Vector[]): Combination[] {
  if (vectors.length === 0) return [];
  const size = vectors.reduce((total, { values }) => total * values.length, 1);
  if (size > 100 * MAX_LEGS) throw invalid(`The matrix has ${size} combinations; at most ${MAX_LEGS} are allowed`);
  let originals: ReadonlyMap<string, ExprValue>[] = [new Map()];
  for (const { key, values } of vectors) {
    originals = originals.flatMap((original) => values.map((value) => new Map([...original, [foldCase(key), value]])));
  }
  return originals.map((original) => ({ original, extra: new Map() }));
}

function excluded({ original }: Combination, entry: ExprObject): boolean {
  return [...entry.entries()].every(([key, value]) => matches(original.get(foldCase(key)) ?? null, value));
}

/** Compares deeply by `==`; of a mapping only the keys that the pattern lists. */
function matches(value: ExprValue, pattern: ExprValue): boolean {
  if (pattern instanceof ExprObject) {
    return (
      value instanceof ExprObject &&
      [...pattern.entries()].every(([key, item]) => matches(value.get(key) ?? null, item))
    );
  }
  if (pattern instanceof ExprArray) {
    if (!(value instanceof ExprArray) || value.items.length !== pattern.items.length) return false;
    return pattern.items.every((item, index) => matches(value.items[index] ?? null, item));
  }
  return looselyEqual(value, pattern);
}

function include(
  kept: readonly Combination[],
  includes: readonly ExprObject[],
  vectors: readonly Vector[],
): Combination[] {
  const known = new Set(vectors.map(({ key }) => foldCase(key)));
  const appended: Combination[] = [];
  for (const entry of includes) {
    const pairs = [...entry.entries()];
    const filter = pairs.filter(([key]) => known.has(foldCase(key)));
    const extra = pairs.filter(([key]) => !known.has(foldCase(key)));
    const targets = kept.filter(({ original }) =>
      filter.every(([key, value]) => matches(original.get(foldCase(key)) ?? null, value)),
    );
    for (const target of targets) for (const [key, value] of extra) target.extra.set(foldCase(key), [key, value]);
    if (targets.length === 0) {
      appended.push({ original: new Map(), extra: new Map(pairs.map((pair) => [foldCase(pair[0]), pair])) });
    }
  }
  return [...kept, ...appended];
}

function toLeg({ original, extra }: Combination, vectors: readonly Vector[]): MatrixLeg {
  const own = vectors
    .filter(({ key }) => original.has(foldCase(key)))
    .map(({ key }) => [key, original.get(foldCase(key)) ?? null] as const);
  const values = [...own, ...extra.values()];
  const shown = original.size > 0 ? own : values;
  const leaves = shown.flatMap(([, value]) => scalarLeaves(value)).filter((text) => text !== "");
  return {
    values: Object.fromEntries(values.map(([key, value]) => [key, toJson(value)])),
    nameSuffix: leaves.length === 0 ? "" : ` (${shortened(leaves.join(", "))})`,
  };
}

function shortened(text: string): string {
  return text.length > MAX_SUFFIX ? `${text.slice(0, MAX_SUFFIX - 3)}...` : text;
}

function scalarLeaves(value: ExprValue): string[] {
  if (value instanceof ExprArray) return value.items.flatMap(scalarLeaves);
  if (value instanceof ExprObject) return [...value.entries()].flatMap(([, item]) => scalarLeaves(item));
  return [toText(value)];
}

function invalid(message: string): AppError {
  return new AppError("invalid", message);
}
