import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { prepareReader, type SqliteConnection, type SqliteStatement, sqliteDriver } from "../sqlite-driver.ts";
import type { ListAsk, ListReply } from "./list-messages.ts";

/** Prepared statements that are kept; lists have few different ones. */
const MOST_STATEMENTS = 200;
const BUSY_TIMEOUT_MS = 5_000;

if (parentPort === null) throw new Error("list-worker.ts runs as a worker thread only");
serve(parentPort, workerData as string);

/** Answers one SELECT after the other until it is told to end. */
function serve(port: MessagePort, path: string): void {
  const db = new sqliteDriver(path, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  prepareReader(db);
  const statements = new Map<string, SqliteStatement>();
  port.on("message", (ask: ListAsk | null) => {
    if (ask === null) {
      db.close();
      port.close();
    } else port.postMessage(answer(db, statements, ask));
  });
}

function answer(db: SqliteConnection, statements: Map<string, SqliteStatement>, { sql, values }: ListAsk): ListReply {
  try {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= MOST_STATEMENTS) statements.clear();
      statement = db.prepare(sql);
      statements.set(sql, statement);
    }
    return { rows: statement.all(...values) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { error: error instanceof Error ? error.message : String(error), code };
  }
}
