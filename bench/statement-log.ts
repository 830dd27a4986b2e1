// Preloaded into the server (`node --import`): writes how many statements SQLite was given to the file that
// BENCH_STATEMENTS names, once a second while the number grows.
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { countStatements } from "../test/support/statement-counter.ts";

const file = process.env["BENCH_STATEMENTS"];
if (file !== undefined && isMainThread) {
  const counter = countStatements();
  let total = 0;
  let writes = 0;
  setInterval(() => {
    if (counter.statements.length === 0) return;
    total += counter.statements.length;
    writes += counter.statements.filter((sql) => sql.startsWith("UPDATE runner SET")).length;
    counter.reset();
    writeFileSync(file, JSON.stringify({ total, heartbeats: writes }));
  }, 500).unref();
}
