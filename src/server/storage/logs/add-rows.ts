import type { LogRows } from "../../domain/log-rows.ts";
import { packRows } from "../../domain/log-rows-builder.ts";
import { beyond, toSegments } from "./segment-codec.ts";

/** How a log stands that rows are about to be added to. */
export interface GrowingLog {
  rows: number;
  bytes: number;
  readonly finished: boolean;
  capped: boolean;
}

/** A piece of rows to be stored. */
export interface NewSegment {
  readonly firstRow: number;
  readonly rows: LogRows;
}

const MIB = 1024 * 1024;

/**
 * What is to be stored of rows that were sent, and what is acknowledged; moves the state of the log on. A log that
 * reaches its limit gets a last row that says so. From then on rows are acknowledged without being stored, because a
 * runner repeats them until they are.
 * @param largestLog bytes; exceeded by the rest of a segment at most
 */
export function addRows(
  log: GrowingLog,
  index: number,
  rows: LogRows,
  largestLog: number,
): { readonly acked: number; readonly segments: readonly NewSegment[] } {
  if (log.capped) return { acked: index + rows.count, segments: [] };
  if (log.finished || index > log.rows) return { acked: log.rows, segments: [] };
  const segments: NewSegment[] = [];
  const add = (piece: LogRows) => {
    segments.push({ firstRow: log.rows, rows: piece });
    log.rows += piece.count;
    log.bytes += piece.text.length;
  };
  for (const piece of toSegments(beyond(index, rows, log.rows))) {
    add(piece);
    if (log.bytes < largestLog) continue;
    const content = `##[warning]The log is cut here: it has reached its limit of ${Math.round(largestLog / MIB)} MiB.`;
    add(packRows([{ time: piece.times.at(-1) ?? 0, content }]));
    log.capped = true;
    return { acked: index + rows.count, segments };
  }
  return { acked: log.rows, segments };
}
