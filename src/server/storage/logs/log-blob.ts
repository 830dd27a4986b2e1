import type { BlobStore } from "../../../lib/blobs/blob-store.ts";

/*
 * A finished log as a blob: its segments one after the other (segment-codec.ts), then the index, then the foot.
 *
 *   index: for each segment the number of its rows and its length in bytes, as varints
 *   foot (16 bytes): length of the index (4) · segments (4) · the mark
 *
 * Whoever wants some rows reads the end of the blob, adds up rows and lengths, and reads just the segments that hold them.
 */

const MARK = Buffer.from("ACTLOG\x00\x01", "latin1");
const FOOT_BYTES = 8 + MARK.length;

/** Read at once from the end: nearly always the whole index. */
const TAIL_BYTES = 64 * 1024;

/** Most bytes of segments that are read at once. */
const READ_BYTES = 4 * 1024 * 1024;

/** A segment of a log with the rows it holds. */
export interface PlacedSegment {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly data: Uint8Array;
}

/** Key of a task's log. */
export function logBlobKey(taskId: number): string {
  return `logs/${(taskId % 256).toString(16).padStart(2, "0")}/${taskId}.log`;
}

/** The bytes of a blob that holds these segments, which follow each other from row 0 on. */
export async function* logBlob(segments: AsyncIterable<PlacedSegment>): AsyncGenerator<Uint8Array> {
  const index: number[] = [];
  let count = 0;
  for await (const { rowCount, data } of segments) {
    pushVarint(index, rowCount);
    pushVarint(index, data.length);
    count++;
    yield data;
  }
  const foot = Buffer.alloc(FOOT_BYTES);
  foot.writeUInt32LE(index.length, 0);
  foot.writeUInt32LE(count, 4);
  MARK.copy(foot, 8);
  yield Buffer.concat([Buffer.from(index), foot]);
}

/** The segments of a blob that hold rows in `[from, to)`; undefined when there is no blob. */
export async function readLogBlob(
  blobs: BlobStore,
  key: string,
  from: number,
  to: number,
): Promise<AsyncIterable<PlacedSegment> | undefined> {
  const entries = await readIndex(blobs, key);
  if (entries === undefined) return undefined;
  const wanted = entries.filter((entry) => entry.firstRow < to && entry.firstRow + entry.rowCount > from);
  return readEntries(blobs, key, wanted);
}

interface IndexEntry {
  readonly firstRow: number;
  readonly rowCount: number;
  readonly offset: number;
  readonly length: number;
}

async function* readEntries(
  blobs: BlobStore,
  key: string,
  entries: readonly IndexEntry[],
): AsyncGenerator<PlacedSegment> {
  for (let at = 0; at < entries.length; ) {
    const group = [entries[at++] as IndexEntry];
    const start = group[0]?.offset ?? 0;
    let end = start + (group[0]?.length ?? 0);
    for (let next = entries[at]; next !== undefined && end + next.length - start <= READ_BYTES; next = entries[at]) {
      group.push(next);
      end += next.length;
      at++;
    }
    const bytes = await blobs.read(key, start, end - start);
    if (bytes?.length !== end - start) throw new Error(`the blob ${key} is shorter than its index says`);
    for (const { firstRow, rowCount, offset, length } of group) {
      yield { firstRow, rowCount, data: bytes.subarray(offset - start, offset - start + length) };
    }
  }
}

async function readIndex(blobs: BlobStore, key: string): Promise<readonly IndexEntry[] | undefined> {
  let tail = await blobs.read(key, -TAIL_BYTES, TAIL_BYTES);
  if (tail === undefined) return undefined;
  if (tail.length < FOOT_BYTES || !tail.subarray(-MARK.length).equals(MARK)) {
    throw new Error(`the blob ${key} is no log, or its end is missing`);
  }
  const foot = tail.subarray(-FOOT_BYTES);
  const length = foot.readUInt32LE(0) + FOOT_BYTES;
  if (length > tail.length) tail = (await blobs.read(key, -length, length)) ?? tail;
  return entriesOf(tail.subarray(-length, -FOOT_BYTES), foot.readUInt32LE(4));
}

function entriesOf(index: Buffer, count: number): IndexEntry[] {
  const entries: IndexEntry[] = [];
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = index[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  for (let firstRow = 0, offset = 0; entries.length < count; ) {
    const rowCount = next();
    const length = next();
    entries.push({ firstRow, rowCount, offset, length });
    firstRow += rowCount;
    offset += length;
  }
  return entries;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
}
