import type { Paint } from "./colours.ts";
import { sanitize } from "./sanitize.ts";

/** One column of a table: its heading and how a row's text is painted. */
export interface Column<Row> {
  readonly heading: string;
  readonly text: (row: Row) => string;
  readonly paint?: (row: Row) => Paint;
}

/** Rows as aligned text with a heading line; cells are made harmless for terminals. The last column is not padded. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => sanitize(column.text(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.heading.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const pad = (text: string, at: number) => (at === columns.length - 1 ? text : text.padEnd(widths[at] ?? 0));
  const heading = columns.map((column, at) => pad(column.heading, at)).join("  ");
  const lines = cells.map((line, index) =>
    line
      .map((text, at) => {
        const row = rows[index] as Row;
        const paint = columns[at]?.paint?.(row);
        const padded = pad(text, at);
        return paint === undefined ? padded : paint(text) + padded.slice(text.length);
      })
      .join("  "),
  );
  return `${[heading, ...lines].map((line) => line.trimEnd()).join("\n")}\n`;
}

/** How long ago `then` was, in the largest unit that fits: `12s`, `5m`, `3h`, `2d`; `-` where there is no time. */
export function formatAge(then: string | number | null | undefined, now: number): string {
  const at = typeof then === "string" ? Date.parse(then) : then;
  if (at === null || at === undefined || Number.isNaN(at) || at <= 0) return "-";
  return formatDuration(Math.max(0, now - at));
}

/** A duration in milliseconds in at most two units: `0.4s`, `12s`, `5m12s`, `3h05m`, `2d`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 9_950) return `${(durationMs / 1000).toFixed(1)}s`;
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${String(seconds % 60).padStart(2, "0")}s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h${String(minutes % 60).padStart(2, "0")}m` : `${Math.floor(hours / 24)}d`;
}
