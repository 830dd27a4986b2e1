import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { openBlobStore } from "../../../lib/blobs/open-blob-store.ts";
import { AppError } from "../../../lib/errors.ts";
import { yieldProcessor } from "../../../lib/yield-processor.ts";
import { prepareWriter, type SqliteConnection, sqliteDriver } from "../sqlite-driver.ts";
import type { LogReply, LogRequest, LogThreadOptions } from "./log-messages.ts";
import { LogReader } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";
import { SegmentReader } from "./segment-reader.ts";

/** Most requests that share one commit. */
const LARGEST_BATCH = 512;

/** Rows in one commit: bounds its time. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Pages of the write-ahead log before it is written back: fewer fsyncs at a high rate than the default of 1000. */
const CHECKPOINT_PAGES = 4000;

if (parentPort === null) throw new Error("log-worker.ts runs as a worker thread only");
const options = workerData as LogThreadOptions;
if (options.role === "writer") startWriter(parentPort, options);
else startReader(parentPort, options);

function open(path: string): SqliteConnection {
  return new sqliteDriver(path, { timeout: 5_000 });
}

/**
 * Collects the requests that arrived while the last batch was worked on, and works on them together: group commit.
 * When there are none, a piece of background work is done.
 */
function startWriter(port: MessagePort, { path, largestLog }: LogThreadOptions): void {
  if (path === null) throw new Error("a log writer needs a database");
  const db = open(path);
  prepareWriter(db);
  db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  const writer = new LogWriter(db, largestLog);
  const queue: LogRequest[] = [];
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };
  const turn = (): void => {
    scheduled = false;
    const batch = takeBatch(queue);
    if (batch.length === 0) {
      if (writer.sweepSome()) schedule();
      return;
    }
    const closing = batch.find((request) => request.kind === "close");
    const replies = commitAll(
      writer,
      batch.filter((request) => request.kind !== "close"),
    );
    if (closing !== undefined) {
      db.close();
      port.postMessage([...replies, { id: closing.id, value: null }]);
      port.close();
      return;
    }
    port.postMessage(replies);
    schedule();
  };
  port.on("message", (request: LogRequest) => {
    queue.push(request);
    schedule();
  });
  schedule();
}

function takeBatch(queue: LogRequest[]): LogRequest[] {
  let count = 0;
  for (let bytes = 0; count < Math.min(queue.length, LARGEST_BATCH) && bytes < BATCH_BYTES; count++) {
    const request = queue[count];
    if (request?.kind === "append") bytes += request.rows.text.length;
  }
  return queue.splice(0, count);
}

function commitAll(writer: LogWriter, batch: LogRequest[]): LogReply[] {
  if (batch.length === 0) return [];
  try {
    const answers = writer.commit(batch);
    return batch.map((request, i) => ({ id: request.id, value: answers[i] }));
  } catch (error) {
    return batch.map((request) => failure(request, error));
  }
}

/** Answers requests as they come; those that wait for a blob let others pass. */
function startReader(port: MessagePort, { path, blobs }: LogThreadOptions): void {
  yieldProcessor();
  const db = path === null ? undefined : open(path);
  // Not mapped into memory: each thread would seem to hold all of a file that is read once.
  db?.pragma("query_only = ON");
  const reader = new LogReader(
    db === undefined ? undefined : new SegmentReader(db),
    blobs === null ? undefined : openBlobStore(blobs),
  );
  const running = new Set<Promise<void>>();
  const answer = async (request: LogRequest): Promise<void> => {
    try {
      const value = await reader.answer(request);
      port.postMessage([{ id: request.id, value }], ownBuffers(value));
    } catch (error) {
      port.postMessage([failure(request, error)]);
    }
  };
  port.on("message", async (request: LogRequest) => {
    if (request.kind !== "close") {
      const work = answer(request);
      running.add(work);
      await work;
      running.delete(work);
      return;
    }
    await Promise.all(running);
    db?.close();
    port.postMessage([{ id: request.id, value: null }]);
    port.close();
  });
}

/** Buffers of an answer that nobody else uses: they change the thread without being copied. */
function ownBuffers(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((part) => {
    if (!ArrayBuffer.isView(part)) return ownBuffers(part);
    return part.byteLength === part.buffer.byteLength && part.buffer instanceof ArrayBuffer ? [part.buffer] : [];
  });
}

function failure({ id }: LogRequest, error: unknown): LogReply {
  if (error instanceof AppError) return { id, error: error.message, code: error.code, isAppError: true };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return { id, error: error instanceof Error ? error.message : String(error), code };
}
