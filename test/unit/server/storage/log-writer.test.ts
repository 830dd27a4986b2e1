import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LogRows, unpackRows } from "../../../../src/server/domain/log-rows.ts";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import { prepareLogFile } from "../../../../src/server/storage/logs/log-file.ts";
import type { LogRequest } from "../../../../src/server/storage/logs/log-messages.ts";
import { LogReader } from "../../../../src/server/storage/logs/log-reader.ts";
import { LogWriter } from "../../../../src/server/storage/logs/log-writer.ts";
import { SegmentReader } from "../../../../src/server/storage/logs/segment-reader.ts";
import { type SqliteConnection, sqliteDriver } from "../../../../src/server/storage/sqlite-driver.ts";

let directory: string;
let path: string;
let db: SqliteConnection;
let writer: LogWriter;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "logs-"));
  path = join(directory, "logs.db");
  prepareLogFile(path);
  db = new sqliteDriver(path);
  writer = new LogWriter(db, 1_000_000);
});
afterEach(() => {
  db.close();
  rmSync(directory, { recursive: true });
});

const append = (taskId: number, from: number, to: number, fill = ""): LogRequest => ({
  ...{ id: 1, kind: "append", taskId, index: from, now: 1 },
  rows: packRows(Array.from({ length: to - from }, (_, i) => ({ time: from + i, content: `row ${from + i}${fill}` }))),
});
const acked = (requests: LogRequest[]) => writer.commit(requests).map((answer) => (answer as { acked: number }).acked);
const segmentCount = (taskId: number) =>
  Number(db.prepare("SELECT COUNT(*) AS n FROM log_segment WHERE task_id = ?").get(taskId)?.["n"]);
const contents = async (taskId: number) => {
  const source = { kind: "embedded", taskId } as const;
  const reader = new LogReader(new SegmentReader(db), undefined);
  const answer = await reader.answer({ id: 1, kind: "rows", source, from: 0, to: 100_000 });
  return unpackRows(answer as LogRows).map(({ content }) => content);
};

test("the rows of a log that has moved are deleted in steps, also when the work is interrupted", () => {
  for (let i = 0; i < 2500; i += 1) writer.commit([append(7, i, i + 1)]);
  writer.commit([append(8, 0, 3)]);
  expect(writer.commit([{ id: 1, kind: "moved", taskId: 7 }])).toEqual([false]);
  writer.commit([{ id: 1, kind: "finish", taskId: 7, now: 2 }]);
  expect(prepareLogFile(path)).toBe(true);
  const moved = { id: 1, kind: "moved", taskId: 7 } as const;
  expect(writer.commit([moved, moved])).toEqual([true, false]);
  expect(writer.sweepSome()).toBe(true);
  expect(segmentCount(7)).toBe(1500);
  expect(prepareLogFile(path)).toBe(true);
  writer = new LogWriter(db, 1_000_000);
  while (writer.sweepSome());
  expect([segmentCount(7), segmentCount(8)]).toEqual([0, 1]);
  expect(prepareLogFile(path)).toBe(false);
  expect(acked([append(7, 2490, 2510)])).toEqual([2500]);
});

test("when a commit fails nothing of it counts, and the length is read anew", async () => {
  expect(acked([append(1, 0, 5)])).toEqual([5]);
  expect(() => writer.commit([append(1, 5, 10), { id: 2, kind: "state", taskId: 1 }])).toThrow("asked for state");
  expect(acked([append(1, 5, 8)])).toEqual([8]);
  expect(await contents(1)).toHaveLength(8);
});

test("several batches of one log in one commit follow each other", () => {
  expect(acked([append(1, 0, 5), append(1, 5, 9), append(1, 3, 12), append(1, 20, 21)])).toEqual([5, 9, 12, 12]);
});

test("a log that reaches its limit says so in its last row, and acknowledges what it does not store", async () => {
  const fill = "x".repeat(10_000);
  for (let i = 0; i < 120; i += 10) expect(acked([append(1, i, i + 10, fill)])).toEqual([i + 10]);
  const stored = await contents(1);
  expect(stored.at(-1)).toBe("##[warning]The log is cut here: it has reached its limit of 1 MiB.");
  expect(stored).toHaveLength(101);
  const state = new SegmentReader(db).state(1);
  expect(state).toMatchObject({ rows: 101, capped: true, finished: false });
  writer = new LogWriter(db, 1_000_000);
  expect(acked([append(1, 120, 130), append(1, 130, 130)])).toEqual([130, 130]);
  expect(new SegmentReader(db).state(1)).toEqual(state);
});

test("a file of the first version is brought up to date", async () => {
  db.close();
  rmSync(path);
  db = new sqliteDriver(path);
  db.exec(`CREATE TABLE log (task_id INTEGER PRIMARY KEY, finished INTEGER NOT NULL, compacted INTEGER NOT NULL);
    CREATE INDEX ix_log_compacted ON log (compacted);
    CREATE TABLE log_segment (task_id INTEGER NOT NULL, first_row INTEGER NOT NULL, row_count INTEGER NOT NULL,
      data BLOB NOT NULL, PRIMARY KEY (task_id, first_row));
    INSERT INTO log VALUES (1, 1, 1), (3, 1, 1);
    INSERT INTO log_segment VALUES (1, 0, 2, CAST(x'00' || '[[1,2],["a","b"]]' AS BLOB)),
      (1, 2, 1, CAST(x'00' || '[[3],["c"]]' AS BLOB)), (2, 0, 1, CAST(x'00' || '[[4],["d"]]' AS BLOB));`);
  for (let i = 0; i < 2; i++) expect(prepareLogFile(path)).toBe(true);
  writer = new LogWriter(db, 1_000_000);
  const states = new SegmentReader(db);
  expect([1, 2, 3].map((taskId) => states.state(taskId))).toMatchObject([
    { rows: 3, finished: true },
    { rows: 1, finished: false },
    { rows: 0, finished: true },
  ]);
  expect(await contents(1)).toEqual(["a", "b", "c"]);
  expect(acked([append(2, 1, 3), append(1, 3, 4)])).toEqual([3, 3]);
  expect(await contents(2)).toEqual(["d", "row 1", "row 2"]);
});
