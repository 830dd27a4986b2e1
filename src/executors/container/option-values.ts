import { AppError } from "../../lib/errors.ts";

const SIZES: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Bytes of `512m`, `1.5g`, `64mb` or `1048576`. @throws AppError invalid */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) throw new AppError("invalid", `'${text}' is not a size such as 512m or 2g`);
  return Math.floor(Number(match[1]) * (SIZES[(match[2] ?? "").toLowerCase()] ?? 1));
}

const NANOSECONDS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a Go duration such as `10s` or `1m30s`. @throws AppError invalid */
export function parseNanoseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (text !== "0" && (parts.length === 0 || parts.map(([part]) => part).join("") !== text)) {
    throw new AppError("invalid", `'${text}' is not a duration such as 10s or 1m30s`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (NANOSECONDS[unit ?? ""] ?? 0), 0);
}

/** @throws AppError invalid */
export function parseNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === "" || !Number.isFinite(number)) throw new AppError("invalid", `'${text}' is not a number`);
  return number;
}

/** `name=value` as an entry; without `=` the value is empty. */
export function parsePair(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
