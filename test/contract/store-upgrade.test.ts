import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { DEFAULT_DISPATCH_RULES } from "../../src/server/domain/dispatch-rules.ts";
import { sqliteDriver } from "../../src/server/storage/sqlite-driver.ts";
import { type StorePlace, storeKinds } from "../support/stores.ts";
import { ALL, must, seed } from "./store-fixture.ts";

const COLUMNS = [
  ["runner", "label_overlay"],
  ["runner", "system_facts"],
  ["runner", "priority"],
  ["repository", "dispatch_rules"],
  ["task", "cancel_timeout_ms"],
  ["runner", "reports_until"],
  ["runner", "old_token_until"],
  ["runner", "next_token_sealed"],
  ["runner", "token_made_at"],
  ["job", "reservation"],
] as const;

const FORGET = "DELETE FROM migrations WHERE name LIKE 'Dispatch%' OR name LIKE 'Lifecycle%' OR name LIKE 'Replicas%'";

/** Takes the schema back to its first version; `keep` columns stay, as after a crash in the middle of the migration. */
async function takeBack({ options }: StorePlace, keep: number): Promise<void> {
  const statements = [
    "DROP TABLE cron",
    "DROP TABLE IF EXISTS replica_change",
    ...COLUMNS.slice(keep).map(([table, column]) => `ALTER TABLE ${table} DROP COLUMN ${column}`),
    FORGET,
  ];
  if (options.databaseUrl === undefined) {
    const database = new sqliteDriver(join(options.dataDir, "server.db"));
    for (const statement of statements) database.exec(statement);
    database.close();
    return;
  }
  const connection = await createConnection(options.databaseUrl);
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}

describe.each(storeKinds.filter(({ skip }) => skip === undefined))(
  "a database of the first version on $name",
  (kind) => {
    it.each([0, 2, 8, COLUMNS.length])(
      "is brought up to date with its rows, %i columns being there already",
      async (keep) => {
        await using place = await kind.create();
        const old = await place.open();
        const { runner, repository, task } = await seed(old);
        await old[Symbol.asyncDispose]();
        await takeBack(place, keep);
        await using store = await place.open();
        expect((await store.read.runners.list({}, ALL)).items).toEqual([runner]);
        expect(await store.read.tasks.get(task.id)).toEqual(task);
        expect(await store.read.repositories.get(repository.id)).toEqual(repository);
        expect(await store.read.repositories.dispatchRules(repository.id)).toEqual(DEFAULT_DISPATCH_RULES);
        expect([...(await store.read.repositories.allDispatchRules())]).toEqual([]);
        const rules = { ...DEFAULT_DISPATCH_RULES, weight: 3, preferredLabel: "eu", preferredWaitMs: 5_000 };
        await store.write((tx) => tx.repositories.update(repository.id, { dispatchRules: rules }));
        expect(await store.read.repositories.dispatchRules(repository.id)).toEqual(rules);
        expect(must((await store.read.repositories.allDispatchRules()).get(repository.id))).toEqual(rules);
      },
    );
  },
);
