const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEXADECIMAL = /^0x[0-9a-fA-F]+$/;
const OCTAL = /^0o[0-7]+$/;
const INFINITE = /^[+-]?Infinity$/;

/** The number that a text stands for, blanks around it left out: decimal, `0x…`, `0o…`, `Infinity`. Empty is 0, anything else NaN. */
export function parseNumber(text: string): number {
  const trimmed = text.trim();
  if (trimmed === "") return 0;
  const known = [DECIMAL, HEXADECIMAL, OCTAL, INFINITE].some((form) => form.test(trimmed));
  return known ? Number(trimmed) : Number.NaN;
}
