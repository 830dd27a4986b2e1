import type { LogMatch, LogQuery } from "../log-store.ts";
import { filterOf, openSegment } from "./segment-codec.ts";
import { gramsOf, mayHold } from "./segment-filter.ts";

/** Characters of a row that an answer holds. */
const SHOWN_CHARS = 2_000;

/** Looks for one text. */
export interface Finder {
  /** Whether a segment has to be looked at. */
  readonly mayBeIn: (segment: Uint8Array) => boolean;
  /** Finds the next place in a text, at or behind an offset; -1 when there is none. */
  readonly in: (text: Buffer) => (from: number) => number;
}

/** How a query is looked for in bytes, without decoding them. */
export function makeFinder(query: LogQuery): Finder {
  const { text, ignoreCase } = query;
  // The line ends are between the rows, not in them.
  if (text.includes("\n")) return { mayBeIn: () => false, in: () => () => -1 };
  const grams = gramsOf(query);
  const mayBeIn = (segment: Uint8Array) => mayHold(filterOf(segment), grams);
  const needle = Buffer.from(text);
  if (!ignoreCase) return { mayBeIn, in: (haystack) => (from) => haystack.indexOf(needle, from) };
  const pattern = new RegExp([...text].map(anyCase).join(""), "g");
  return {
    mayBeIn,
    in: (haystack) => {
      const latin1 = haystack.toString("latin1");
      return (from) => {
        pattern.lastIndex = from;
        return pattern.exec(latin1)?.index ?? -1;
      };
    },
  };
}

/** The rows of a segment in `[from, to)` that hold the text, at most `limit`, in order. */
export function scanSegment(
  segment: { readonly firstRow: number; readonly data: Uint8Array },
  find: Finder,
  range: { readonly from: number; readonly to: number; readonly limit: number },
): LogMatch[] {
  if (!find.mayBeIn(segment.data)) return [];
  const { text, times } = openSegment(segment.data);
  const next = find.in(text);
  const matches: LogMatch[] = [];
  let row = segment.firstRow;
  let counted = 0;
  let timesOfRows: Float64Array | undefined;
  for (let at = next(0); at >= 0 && matches.length < range.limit; ) {
    const start = text.lastIndexOf(0x0a, at) + 1;
    const end = text.indexOf(0x0a, at);
    for (; counted < start; row++) counted = text.indexOf(0x0a, counted) + 1;
    if (row >= range.to) break;
    if (row >= range.from) {
      timesOfRows ??= times();
      const time = timesOfRows[row - segment.firstRow] ?? 0;
      matches.push({ row, time, ...shown(text.toString("utf8", start, end), text.toString("utf8", start, at).length) });
    }
    at = next(end + 1);
  }
  return matches;
}

function shown(content: string, column: number): { column: number; content: string } {
  if (content.length <= SHOWN_CHARS) return { column, content };
  const from = Math.max(0, Math.min(column - SHOWN_CHARS / 4, content.length - SHOWN_CHARS));
  return { column, content: content.slice(from, from + SHOWN_CHARS).toWellFormed() };
}

/** A character in both cases, as a pattern over the bytes of UTF-8; it holds no repetition, so that it costs linear time. */
function anyCase(character: string): string {
  const forms = [...new Set([character, character.toLowerCase(), character.toUpperCase()])].map((form) =>
    [...Buffer.from(form)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
  );
  return `(?:${forms.join("|")})`;
}
