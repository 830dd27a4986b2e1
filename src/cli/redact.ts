const SECRET_KEY = /token|secret|passw|authorization|cookie|credential|api[-_]?key|private[-_]?key/i;

/** What stands in a log for a secret. */
const REDACTED = "[redacted]";

/** A copy of log fields in which texts under token-like keys are hidden, at any depth; numbers and flags stay. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(value: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    copy[key] = SECRET_KEY.test(key) ? hide(inner) : redactValue(inner, depth + 1);
  }
  return copy;
}

function hide(value: unknown): unknown {
  return typeof value === "string" || (typeof value === "object" && value !== null) ? REDACTED : value;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.replace(/(\/\/[^\s:/@]*:)[^\s/@]+@/g, `$1${REDACTED}@`);
  if (typeof value !== "object" || value === null || value instanceof Error || value instanceof Date) return value;
  if (depth > 4) return "[deep]";
  return Array.isArray(value) ? value.map((entry) => redactValue(entry, depth + 1)) : redactObject(value, depth);
}
