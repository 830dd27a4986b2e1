import type { Colours } from "./colours.ts";
import { plainText, terminalText } from "./sanitize.ts";

/** What a row of a job's log is to a reader. */
export type LogRow =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "group"; readonly text: string }
  | { readonly kind: "end-group" }
  | { readonly kind: "command" | "debug"; readonly text: string }
  | { readonly kind: "error" | "warning" | "notice"; readonly text: string; readonly place?: string };

const MARKER = /^##\[(group|endgroup|command|error|warning|notice|debug)\](.*)$/s;
const COMMAND = /^::(group|endgroup|error|warning|notice|debug)(?: ([^:]*(?::(?!:)[^:]*)*))?::(.*)$/s;

/** Reads a row as runners write them: `##[group]…`, `##[error]…`, and the workflow commands that pass through (`::error file=a::…`). */
export function parseLogRow(row: string): LogRow {
  const marker = MARKER.exec(row);
  if (marker !== null) return rowOf(marker[1] ?? "", marker[2] ?? "");
  const command = COMMAND.exec(row);
  return command === null
    ? { kind: "text", text: row }
    : rowOf(command[1] ?? "", unescapeData(command[3] ?? ""), placeOf(command[2] ?? ""));
}

function rowOf(word: string, text: string, place?: string): LogRow {
  switch (word) {
    case "group":
    case "command":
    case "debug":
      return { kind: word, text };
    case "endgroup":
      return { kind: "end-group" };
    default:
      return { kind: word as "error", text, ...(place === undefined ? {} : { place }) };
  }
}

/** `file:line:column` of a command's properties, as editors understand it. */
function placeOf(properties: string): string | undefined {
  const pairs = properties.split(",").map((pair) => pair.trim().split("=", 2));
  const values = Object.fromEntries(pairs) as Record<string, string | undefined>;
  const parts = [values["file"], values["line"], values["col"]].filter((part) => part !== undefined && part !== "");
  return values["file"] === undefined ? undefined : parts.join(":");
}

/** The escapes of workflow commands' data. */
function unescapeData(text: string): string {
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}

/** A row as lines for a person; none for the end of a group. Escape sequences other than colours never get through. */
export function renderLogRow(row: LogRow, colours: Colours): readonly string[] {
  if (row.kind === "end-group") return [];
  const clean = colours.enabled ? terminalText : plainText;
  const lines = row.text.split(/\r?\n|\r/).map(clean);
  const [first = "", ...rest] = lines;
  switch (row.kind) {
    case "text":
      return colours.enabled ? lines.map((line) => (line.includes("\u001b") ? `${line}\u001b[0m` : line)) : lines;
    case "group":
      return [colours.bold(`> ${first}`), ...rest];
    case "command":
      return [colours.blue(`$ ${first}`), ...rest];
    case "debug":
      return lines.map((line) => colours.dim(`debug: ${line}`));
    default: {
      const paint = { error: colours.red, warning: colours.yellow, notice: colours.cyan }[row.kind];
      const place = row.place === undefined ? "" : `${clean(row.place)}: `;
      return [paint(`${row.kind}: ${place}${first}`), ...rest.map(paint)];
    }
  }
}
