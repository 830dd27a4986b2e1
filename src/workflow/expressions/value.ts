import type { JsonValue } from "../../lib/json.ts";
import { numberText } from "./number-text.ts";

/** A value of the expression language. Objects and arrays are compared by identity. */
export type ExprValue = null | boolean | number | string | ExprArray | ExprObject;

/** A list. `filtered` marks the result of `.*`: an index on it maps over the items. */
export class ExprArray {
  readonly items: readonly ExprValue[];
  readonly filtered: boolean;

  constructor(items: readonly ExprValue[], options: { filtered?: boolean } = {}) {
    this.items = items;
    this.filtered = options.filtered ?? false;
  }
}

/**
 * A mapping in insertion order without prototypes. Keys are compared without regard to case unless `caseSensitive`
 * (the `env` context on Linux and macOS). A repeated key replaces the value and keeps the first place and spelling.
 */
export class ExprObject {
  readonly caseSensitive: boolean;
  readonly #entries = new Map<string, readonly [key: string, value: ExprValue]>();

  constructor(entries: Iterable<readonly [string, ExprValue]> = [], options: { caseSensitive?: boolean } = {}) {
    this.caseSensitive = options.caseSensitive ?? false;
    for (const [key, value] of entries) {
      const folded = this.#fold(key);
      this.#entries.set(folded, [this.#entries.get(folded)?.[0] ?? key, value]);
    }
  }

  /** Number of keys. */
  get size(): number {
    return this.#entries.size;
  }

  /** The value of a key, or undefined. */
  get(key: string): ExprValue | undefined {
    return this.#entries.get(this.#fold(key))?.[1];
  }

  /** Keys as first spelt, with their values, in order of insertion. */
  entries(): IterableIterator<readonly [key: string, value: ExprValue]> {
    return this.#entries.values();
  }

  /** A copy with some keys replaced or added. */
  with(entries: Iterable<readonly [string, ExprValue]>): ExprObject {
    return new ExprObject([...this.#entries.values(), ...entries], { caseSensitive: this.caseSensitive });
  }

  #fold(key: string): string {
    return this.caseSensitive ? key : foldCase(key);
  }
}

/**
 * Folds case as .NET's ordinal-ignore-case comparison does: each character by itself to upper case, never from outside
 * ASCII into it, so that `ß`, `ı` and `ſ` stay what they are.
 */
export function foldCase(text: string): string {
  const upper = text.toUpperCase();
  if (!/[^\0-\x7f]/.test(text)) return upper;
  let folded = "";
  for (const character of text) {
    const single = character.toUpperCase();
    const keep = single.length !== character.length || (character > "\x7f" && single <= "\x7f");
    folded += keep ? character : single;
  }
  return folded;
}

/** Turns JSON into a value. @param options.caseSensitive of every object in it @default false */
export function fromJson(json: JsonValue, options: { caseSensitive?: boolean } = {}): ExprValue {
  if (json === null || typeof json !== "object") return json;
  if (Array.isArray(json)) return new ExprArray(json.map((item) => fromJson(item, options)));
  return new ExprObject(
    Object.entries(json).map(([key, value]) => [key, fromJson(value, options)] as const),
    options,
  );
}

/** Turns a value into plain JSON; NaN and the infinities become null, objects have no prototype surprises. */
export function toJson(value: ExprValue): JsonValue {
  if (value instanceof ExprArray) return value.items.map(toJson);
  if (value instanceof ExprObject) {
    return Object.fromEntries([...value.entries()].map(([key, item]) => [key, toJson(item)]));
  }
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

/** The string form: null is empty, numbers as .NET's G15, arrays and objects as the words `Array` and `Object`. */
export function toText(value: ExprValue): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return numberText(value);
  return value instanceof ExprArray ? "Array" : "Object";
}

/** Everything is true but null, false, 0, NaN and the empty string. */
export function isTruthy(value: ExprValue): boolean {
  return !(value === null || value === false || value === 0 || value === "" || Number.isNaN(value));
}
