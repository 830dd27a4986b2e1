import type { EntitySchemaColumnOptions, ValueTransformer } from "typeorm";
import type { JsonValue } from "../../../lib/json.ts";

/*
 * The kinds of columns. Their database types are set by the migrations; here only what a value is in the program.
 * MySQL's driver may return 64-bit integers as text, so numbers are converted always.
 */

const numberValue: ValueTransformer = {
  to: (value: unknown) => value,
  from: (value: unknown) => (value === null || value === undefined ? null : Number(value)),
};
const flagValue: ValueTransformer = {
  to: (value: unknown) => (value ? 1 : 0),
  from: (value: unknown) => Number(value) === 1,
};
const jsonValue: ValueTransformer = {
  to: (value: unknown) => JSON.stringify(value ?? null),
  from: (value: unknown): JsonValue => (typeof value === "string" ? JSON.parse(value) : null),
};

/** Generated row number. */
export const idColumn: EntitySchemaColumnOptions = {
  type: "integer",
  primary: true,
  generated: "increment",
  transformer: numberValue,
};

/** Text. */
export function text(name: string, options: { nullable?: boolean; primary?: boolean } = {}): EntitySchemaColumnOptions {
  return { type: "text", name, ...options };
}

/** Integer up to 2^53: ids of other rows, counters, epoch milliseconds. */
export function integer(
  name: string,
  options: { nullable?: boolean; primary?: boolean } = {},
): EntitySchemaColumnOptions {
  return { type: "integer", name, transformer: numberValue, ...options };
}

/** true or false, stored as 1 or 0. */
export function flag(name: string): EntitySchemaColumnOptions {
  return { type: "integer", name, transformer: flagValue };
}

/** Any JSON, stored as text. */
export function json(name: string, more: { nullable?: boolean } = {}): EntitySchemaColumnOptions {
  return { type: "text", name, transformer: jsonValue, ...more };
}
