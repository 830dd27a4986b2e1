import { sanitize } from "./sanitize.ts";

/** pino's numbers of the levels. */
const LEVELS: Readonly<Record<number, string>> = {
  10: "TRACE",
  20: "DEBUG",
  30: "INFO",
  40: "WARN",
  50: "ERROR",
  60: "FATAL",
};

/** One pino record (a line of JSON) as `2026-03-30 21:08:31 INFO message key=value`, in local time. */
export function formatLogLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const name = LEVELS[Number(level)] ?? "INFO";
  return `${formatTime(new Date(Number(time)))} ${name} ${sanitize(String(msg ?? ""))}${pairs.join("")}\n`;
}

function formatTime(at: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Bare where that is unambiguous, else as JSON; an error is its message, with the stack on level debug only. */
function formatValue(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) && sanitize(value) === value ? value : quote(value);
  if (isErrorRecord(value)) return quote(value.message);
  return sanitize(String(JSON.stringify(value)));
}

function quote(text: string): string {
  return sanitize(JSON.stringify(text));
}

function isErrorRecord(value: unknown): value is { message: string } {
  return typeof value === "object" && value !== null && "type" in value && "message" in value && "stack" in value;
}
