import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { prepareReader, prepareWriter, sqliteDriver } from "../sqlite-driver.ts";
import type { LogReply, LogRequest, LogThreadOptions } from "./log-messages.ts";
import { LogReader } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";

/** Most requests that share one commit. */
const LARGEST_BATCH = 512;

/** Pages of the write-ahead log before it is written back: fewer fsyncs at a high rate than the default of 1000. */
const CHECKPOINT_PAGES = 4000;

if (parentPort === null) throw new Error("log-worker.ts runs as a worker thread only");
start(parentPort, workerData as LogThreadOptions);

/** Opens the file and serves requests until `close`. */
function start(port: MessagePort, { path, role }: LogThreadOptions): void {
  const db = new sqliteDriver(path, { timeout: 5_000 });
  if (role === "writer") {
    prepareWriter(db);
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    const writer = new LogWriter(db);
    serve(
      port,
      (batch) => commitAll(writer, batch),
      () => writer.compactSome(),
      () => db.close(),
    );
  } else {
    prepareReader(db);
    const reader = new LogReader(db);
    serve(
      port,
      (batch) => batch.map((request) => answerOne(reader, request)),
      () => false,
      () => db.close(),
    );
  }
}

/**
 * Collects the requests that arrived while the last batch was worked on, and works on them together: group commit.
 * When there are none, `idle` does a piece of background work.
 */
function serve(
  port: MessagePort,
  work: (batch: LogRequest[]) => LogReply[],
  idle: () => boolean,
  close: () => void,
): void {
  const queue: LogRequest[] = [];
  let scheduled = false;
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };
  const turn = (): void => {
    scheduled = false;
    const batch = queue.splice(0, LARGEST_BATCH);
    if (batch.length === 0) {
      if (idle()) schedule();
      return;
    }
    const closing = batch.find((request) => request.kind === "close");
    const replies = work(batch.filter((request) => request.kind !== "close"));
    if (closing !== undefined) {
      close();
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

function commitAll(writer: LogWriter, batch: LogRequest[]): LogReply[] {
  if (batch.length === 0) return [];
  try {
    const answers = writer.commit(batch);
    return batch.map((request, i) => ({ id: request.id, value: answers[i] }));
  } catch (error) {
    return batch.map((request) => failure(request, error));
  }
}

function answerOne(reader: LogReader, request: LogRequest): LogReply {
  try {
    return { id: request.id, value: reader.answer(request) };
  } catch (error) {
    return failure(request, error);
  }
}

function failure({ id }: LogRequest, error: unknown): LogReply {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return { id, error: error instanceof Error ? error.message : String(error), code };
}
