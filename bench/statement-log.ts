// Preloaded into the server (`node --import`): writes how many statements SQLite was given to the file that
// BENCH_STATEMENTS names, at each SIGUSR2, so that it costs nothing while something is measured.
import { renameSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { countStatements } from "../test/support/statement-counter.ts";

const file = process.env["BENCH_STATEMENTS"];
if (file !== undefined && isMainThread) {
  const { statements } = countStatements();
  process.on("SIGUSR2", () => {
    const heartbeats = statements.filter((sql) => sql.startsWith("UPDATE runner SET")).length;
    writeFileSync(`${file}.new`, JSON.stringify({ total: statements.length, heartbeats }));
    renameSync(`${file}.new`, file);
  });
}
