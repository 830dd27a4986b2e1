import type { LogRows } from "../../domain/log-rows.ts";

/** Several runs of rows that follow each other as one. */
export function joinRows(parts: readonly LogRows[]): LogRows {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const times = new Float64Array(parts.reduce((sum, { count }) => sum + count, 0));
  let at = 0;
  for (const part of parts) {
    times.set(part.times, at);
    at += part.count;
  }
  return { count: times.length, times, text: Buffer.concat(parts.map(({ text }) => text)) };
}
