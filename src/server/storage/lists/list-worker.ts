import { parentPort, workerData } from "node:worker_threads";
import { serveAsks } from "../../../lib/serve-asks.ts";
import { yieldProcessor } from "../../../lib/yield-processor.ts";
import type { RawRow } from "../sql-value.ts";
import { prepareReader, type SqliteStatement, sqliteDriver } from "../sqlite-driver.ts";
import type { ListAsk } from "./list-reader.ts";

/** Prepared statements that are kept; lists have few different ones. */
const MOST_STATEMENTS = 200;
const BUSY_TIMEOUT_MS = 5_000;

yieldProcessor();
const db = new sqliteDriver(workerData as string, { readonly: true, timeout: BUSY_TIMEOUT_MS });
prepareReader(db);
const statements = new Map<string, SqliteStatement>();
serveAsks(parentPort, rows, () => db.close());

function rows({ sql, values }: ListAsk): RawRow[] {
  let statement = statements.get(sql);
  if (statement === undefined) {
    if (statements.size >= MOST_STATEMENTS) statements.clear();
    statement = db.prepare(sql);
    statements.set(sql, statement);
  }
  return statement.all(...values);
}
