import { parseNumber } from "./parse-number.ts";
import { ExprArray, ExprObject, type ExprValue, foldCase } from "./value.ts";

/** Whether a value is null, a boolean, a number or a string. */
export function isPrimitive(value: ExprValue): value is null | boolean | number | string {
  return !(value instanceof ExprArray || value instanceof ExprObject);
}

/** The number form: null and "" are 0, false and true 0 and 1, text its number or NaN, arrays and objects NaN. */
export function toNumber(value: ExprValue): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return parseNumber(value);
  if (value === null || value === false) return 0;
  return value === true ? 1 : Number.NaN;
}

/** `==`: text without regard to case, different kinds as numbers, arrays and objects by identity. */
export function looselyEqual(left: ExprValue, right: ExprValue): boolean {
  if (!isPrimitive(left) || !isPrimitive(right)) return left === right;
  if (typeof left === "string" && typeof right === "string") return foldCase(left) === foldCase(right);
  if (typeof left === typeof right && left !== null && right !== null) return left === right;
  return toNumber(left) === toNumber(right);
}

/** `>`: as `looselyEqual` compares; false for arrays and objects. */
export function looselyGreater(left: ExprValue, right: ExprValue): boolean {
  if (!isPrimitive(left) || !isPrimitive(right)) return false;
  if (typeof left === "string" && typeof right === "string") return foldCase(left) > foldCase(right);
  return toNumber(left) > toNumber(right);
}
