import type { BlobStore } from "../../../lib/blobs/blob-store.ts";
import { type LogRows, sliceRows } from "../../domain/log-rows.ts";
import type { LogMatch, LogQuery } from "../log-store.ts";
import { joinRows } from "./join-rows.ts";
import { logBlobKey, type PlacedSegment, readLogBlob } from "./log-blob.ts";
import { logLines } from "./log-lines.ts";
import type { LogCalls, LogRequest, LogSource, SourceRange } from "./log-messages.ts";
import { makeFinder, scanSegment } from "./scan-segment.ts";
import { packSearchable, SEGMENT_BYTES, toSegments, unpack } from "./segment-codec.ts";
import type { SegmentReader } from "./segment-reader.ts";

/** A piece of an answer is as large as this, or a segment larger. */
const PIECE_BYTES = 1024 * 1024;
/** Most bytes of rows that are merged for one answer. */
const MERGE_BYTES = 4 * 1024 * 1024;
/** Rows are merged until this much room is left in a segment. */
const ROOM_BYTES = 32 * 1024;

/** Reads, renders, searches and merges log rows. Runs in a reader thread; knows no threads itself. */
export class LogReader {
  readonly #database: SegmentReader | undefined;
  readonly #blobs: BlobStore | undefined;

  /** @param database where embedded logs are @param blobs where finished logs are */
  constructor(database: SegmentReader | undefined, blobs: BlobStore | undefined) {
    this.#database = database;
    this.#blobs = blobs;
  }

  /** Answers one request. */
  async answer(request: LogRequest): Promise<unknown> {
    switch (request.kind) {
      case "state":
        return this.#needDatabase().state(request.taskId);
      case "unmoved":
        return this.#needDatabase().unmoved(request.limit);
      case "old":
        return this.#needDatabase().old(request.before, request.limit);
      case "rows":
        return ownRows(joinRows(await this.#piece(request)));
      case "text":
        return await this.#text(request);
      case "scan":
        return await this.#scan(request, request.query, request.limit);
      case "merge":
        return await this.#merge(request);
      default:
        throw new Error(`the log reader was asked for ${request.kind}`);
    }
  }

  async #text(range: SourceRange): Promise<LogCalls["text"]["answer"]> {
    const pieces = await this.#piece(range);
    const rows = pieces.reduce((sum, { count }) => sum + count, 0);
    const lines = pieces.map(logLines);
    return { rows, text: lines.length === 1 && lines[0] !== undefined ? lines[0] : Buffer.concat(lines) };
  }

  /** Rows of the range until they have some size. */
  async #piece(range: SourceRange): Promise<LogRows[]> {
    const pieces: LogRows[] = [];
    let bytes = 0;
    for await (const { firstRow, data } of this.#segments(range)) {
      const rows = sliceRows(unpack(data), range.from - firstRow, range.to - firstRow);
      if (rows.count === 0) continue;
      pieces.push(rows);
      bytes += rows.text.length;
      if (bytes >= PIECE_BYTES) break;
    }
    return pieces;
  }

  async #scan(range: SourceRange, query: LogQuery, limit: number): Promise<LogMatch[]> {
    const matches: LogMatch[] = [];
    const find = makeFinder(query);
    for await (const segment of this.#segments(range)) {
      const found = scanSegment(segment, find, { ...range, limit: limit - matches.length });
      for (const match of found) matches.push(match);
      if (matches.length >= limit) break;
    }
    return matches;
  }

  async #merge(range: SourceRange): Promise<PlacedSegment[]> {
    const merged: PlacedSegment[] = [];
    let open: LogRows[] = [];
    let openBytes = 0;
    let allBytes = 0;
    let row = range.from;
    const flush = () => {
      for (const rows of toSegments(joinRows(open))) {
        merged.push({ firstRow: row, rowCount: rows.count, data: packSearchable(rows) });
        row += rows.count;
      }
      open = [];
      openBytes = 0;
    };
    for await (const { firstRow, data } of this.#segments(range)) {
      const rows = sliceRows(unpack(data), range.from - firstRow, range.to - firstRow);
      open.push(rows);
      openBytes += rows.text.length;
      allBytes += rows.text.length;
      if (openBytes >= SEGMENT_BYTES - ROOM_BYTES) flush();
      if (allBytes >= MERGE_BYTES) break;
    }
    flush();
    return merged;
  }

  /** The segments that hold rows of the range, in order. */
  async *#segments({ source, from, to }: SourceRange): AsyncGenerator<PlacedSegment> {
    if (from >= to) return;
    switch (source.kind) {
      case "segments":
        yield* source.segments;
        return;
      case "blob":
        yield* await this.#blob(source.taskId, from, to);
        return;
      case "embedded":
        yield* this.#embedded(source, from, to);
    }
  }

  /** Pieces are read one by one, because the log may move to its blob or be deleted between two of them. */
  async *#embedded(source: LogSource & { kind: "embedded" }, from: number, to: number): AsyncGenerator<PlacedSegment> {
    for (let next = from; next < to; ) {
      const found = this.#needDatabase().segments(source.taskId, next, to);
      if (found === "in-blob") {
        yield* await this.#blob(source.taskId, next, to);
        return;
      }
      const last = found.at(-1);
      if (last === undefined) return;
      yield* found;
      next = last.firstRow + last.rowCount;
    }
  }

  async #blob(taskId: number, from: number, to: number): Promise<AsyncIterable<PlacedSegment> | PlacedSegment[]> {
    if (this.#blobs === undefined) throw new Error(`the log of task ${taskId} is in a blob store, but none is set`);
    return (await readLogBlob(this.#blobs, logBlobKey(taskId), from, to)) ?? [];
  }

  #needDatabase(): SegmentReader {
    if (this.#database === undefined) throw new Error("this log thread has no database of its own");
    return this.#database;
  }
}

/** The same rows in buffers of their own: a view would take all that is behind it along to the other thread. */
function ownRows({ count, times, text }: LogRows): LogRows {
  return { count, times: times.slice(), text: new Uint8Array(text) };
}
