import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prepareLogFile } from "../../../../src/server/storage/logs/log-file.ts";
import type { LogRequest } from "../../../../src/server/storage/logs/log-messages.ts";
import { LogReader } from "../../../../src/server/storage/logs/log-reader.ts";
import { LogWriter } from "../../../../src/server/storage/logs/log-writer.ts";
import { toSegments } from "../../../../src/server/storage/logs/segment-codec.ts";
import { type SqliteConnection, sqliteDriver } from "../../../../src/server/storage/sqlite-driver.ts";

let directory: string;
let path: string;
let db: SqliteConnection;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "logs-"));
  path = join(directory, "logs.db");
  prepareLogFile(path);
  db = new sqliteDriver(path);
});
afterEach(() => {
  db.close();
  rmSync(directory, { recursive: true });
});

const append = (taskId: number, from: number, to: number): LogRequest => ({
  id: 1,
  kind: "append",
  taskId,
  segments: toSegments(
    from,
    Array.from({ length: to - from }, (_, i) => ({ time: from + i, content: `row ${from + i}` })),
  ),
});
const segmentCount = (taskId: number) =>
  Number(db.prepare("SELECT COUNT(*) AS n FROM log_segment WHERE task_id = ?").get(taskId)?.["n"]);
const contents = (taskId: number) => {
  const answer = new LogReader(db).answer({ id: 1, kind: "read", taskId, from: 0, limit: 100_000 });
  return (answer as { contents: string[] }).contents;
};

test("many small segments of a finished log become few, also when the work is interrupted", () => {
  const first = new LogWriter(db);
  for (let i = 0; i < 5000; i += 5) first.commit([append(7, i, i + 5)]);
  first.commit([append(8, 0, 3)]);
  expect(segmentCount(7)).toBe(1000);
  expect(first.compactSome()).toBe(false);
  first.commit([{ id: 1, kind: "finish", taskId: 7 }]);
  expect(first.compactSome()).toBe(true);
  const partly = segmentCount(7);
  expect(partly).toBeLessThan(1000);
  expect(partly).toBeGreaterThan(500);
  expect(contents(7)).toHaveLength(5000);
  expect(prepareLogFile(path)).toBe(true);

  const second = new LogWriter(db);
  while (second.compactSome()) expect(contents(7)[4321]).toBe("row 4321");
  expect(segmentCount(7)).toBeLessThanOrEqual(4);
  expect(segmentCount(8)).toBe(1);
  expect(contents(7)).toEqual(Array.from({ length: 5000 }, (_, i) => `row ${i}`));
  expect(second.commit([append(7, 4990, 5010)])).toEqual([5000]);
  expect(prepareLogFile(path)).toBe(false);
});

test("when a commit fails nothing of it counts, and the length is read anew", () => {
  const writer = new LogWriter(db);
  expect(writer.commit([append(1, 0, 5)])).toEqual([5]);
  expect(() => writer.commit([append(1, 5, 10), { id: 2, kind: "length", taskId: 1 }])).toThrow("asked for length");
  expect(writer.commit([append(1, 5, 8)])).toEqual([8]);
  expect(contents(1)).toHaveLength(8);
});

test("several batches of one log in one commit follow each other", () => {
  const writer = new LogWriter(db);
  expect(writer.commit([append(1, 0, 5), append(1, 5, 9), append(1, 3, 12), append(1, 20, 21)])).toEqual([
    5, 9, 12, 12,
  ]);
});
