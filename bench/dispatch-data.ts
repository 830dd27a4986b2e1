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
 * Adds finished jobs to the newest run of a repository while the server is stopped, by copying its first job.
 * @param dataDir of a server that has one run
 */
export function addFinishedJobs(dataDir: string, count: number): void {
  const db = new sqliteDriver(join(dataDir, "server.db"));
  try {
    const columns = db
      .prepare("SELECT name FROM pragma_table_info('job') WHERE name NOT IN ('id', 'status', 'cause')")
      .all()
      .map((row) => String(row["name"]));
    db.exec("BEGIN");
    db.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
       INSERT INTO job (status, cause, ${columns.join(", ")})
       SELECT CASE i % 10 WHEN 0 THEN 'failure' WHEN 1 THEN 'skipped' ELSE 'success' END, NULL, ${columns.join(", ")}
       FROM n, (SELECT * FROM job ORDER BY id LIMIT 1)`,
    );
    db.exec("UPDATE repository SET job_total = (SELECT COUNT(*) FROM job WHERE repository_id = repository.id)");
    db.exec("COMMIT");
    db.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}
