import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../src/lib/clock.ts";
import { newRunner } from "../src/server/domain/new-runner.ts";
import { GLOBAL_SCOPE } from "../src/server/domain/scope.ts";
import { openServerKeys } from "../src/server/services/server-keys.ts";
import { TokenHasher } from "../src/server/services/token-hasher.ts";
import { openStore } from "../src/server/storage/open-store.ts";
import { sqliteDriver } from "../src/server/storage/sqlite-driver.ts";
import type { Identity } from "./bench-server.ts";

/** Makes runners with the label `bench` while the server is stopped: registering thousands would take minutes of argon2. */
export async function addRunners(dataDir: string, count: number): Promise<Identity[]> {
  await using store = await openStore({ dataDir, clock: systemClock });
  const hasher = new TokenHasher((await openServerKeys({ dataDir, store })).mac);
  const { hash } = await hasher.make("the same for all, because only the mac is looked at");
  const runners = Array.from({ length: count }, (_, n) => ({
    uuid: randomUUID(),
    token: randomBytes(20).toString("hex"),
    name: `fleet-${n}`,
  }));
  await store.write(async (tx) => {
    for (const { uuid, token, name } of runners) {
      const row = newRunner({ uuid, name, scope: GLOBAL_SCOPE, labels: ["bench"], createdAt: Date.now() });
      await tx.runners.insert(row, { hash, mac: hasher.mac(token) });
    }
  });
  return runners.map(({ uuid, token }) => [
    ["x-runner-uuid", uuid],
    ["x-runner-token", token],
  ]);
}

/**
 * Makes finished runs and jobs while the server is stopped: its one run ends, and is there many times then.
 * @param dataDir of a server that has one run
 * @param count jobs that there are afterwards
 */
export function makeFinishedJobs(dataDir: string, count: number): void {
  const db = new sqliteDriver(join(dataDir, "server.db"));
  const copied = (table: string, without: string) =>
    db
      .prepare(`SELECT name FROM pragma_table_info(?) WHERE name NOT IN (${without})`)
      .all(table)
      .map((row) => String(row["name"]))
      .join(", ");
  try {
    db.exec("BEGIN");
    db.exec("UPDATE run SET status = 'success'; UPDATE job SET status = 'success'");
    const jobs = Number(db.prepare("SELECT COUNT(*) AS count FROM job").get()?.["count"]);
    const run = copied("run", "'id', 'run_number'");
    db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.ceil(count / jobs)})
       INSERT INTO run (id, run_number, ${run}) SELECT i, i, ${run} FROM n, (SELECT * FROM run)`,
    );
    const job = copied("job", "'id', 'run_id', 'status'");
    db.exec(
      `INSERT INTO job (run_id, status, ${job})
       SELECT i, CASE i % 10 WHEN 0 THEN 'failure' WHEN 1 THEN 'skipped' ELSE 'success' END, ${job}
       FROM (SELECT id AS i FROM run WHERE id > 1), (SELECT * FROM job)`,
    );
    for (const table of ["run", "job"]) {
      db.exec(
        `UPDATE repository SET ${table}_total = (SELECT COUNT(*) FROM ${table} WHERE repository_id = repository.id)`,
      );
    }
    db.exec("UPDATE repository SET run_counter = (SELECT MAX(run_number) FROM run)");
    db.exec("COMMIT");
    db.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}
