import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/lib/clock.ts";
import { packRows } from "../../../../src/server/domain/log-rows-builder.ts";
import { lockDataDir } from "../../../../src/server/storage/data-dir-lock.ts";
import { openMysql, openSqlite } from "../../../../src/server/storage/data-sources.ts";
import { parseDatabaseUrl } from "../../../../src/server/storage/database-url.ts";
import { migrate } from "../../../../src/server/storage/migrate.ts";
import { openStore } from "../../../../src/server/storage/open-store.ts";
import { entities } from "../../../../src/server/storage/schema/entities.ts";
import { eventually } from "../../../support/eventually.ts";
import { mariadbMissing, sharedMariadb } from "../../../support/mariadb.ts";
import { type StoreKind, storeKinds } from "../../../support/stores.ts";

function kindNamed(name: StoreKind["name"]): StoreKind {
  const kind = storeKinds.find((candidate) => candidate.name === name);
  if (kind === undefined) throw new Error(`there is no store ${name}`);
  return kind;
}

describe("embedded", () => {
  test("a data directory serves one server; the message names the process", async () => {
    await using place = await kindNamed("sqlite").create();
    const first = await place.open();
    await expect(place.open()).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    expect(existsSync(join(place.options.dataDir, "server.pid"))).toBe(false);
    await using second = await place.open();
    await second.ping();
  });

  test("the lock of a dead process is taken over", async () => {
    await using place = await kindNamed("sqlite").create();
    const { dataDir } = place.options;
    writeFileSync(join(dataDir, "server.lock"), "");
    writeFileSync(join(dataDir, "server.pid"), "1\n");
    using _lock = lockDataDir(dataDir);
    expect(readFileSync(join(dataDir, "server.pid"), "utf8")).toBe(`${process.pid}\n`);
  });

  test("the directory is made for its owner alone, and left unlocked when opening fails", async () => {
    await using place = await kindNamed("sqlite").create();
    const dataDir = join(place.options.dataDir, "deep", "data");
    const options = { dataDir, clock: systemClock };
    await (await openStore(options))[Symbol.asyncDispose]();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    writeFileSync(join(dataDir, "logs.db"), "this is no database at all, but long enough to look at");
    for (let i = 0; i < 2; i++) {
      await expect(openStore(options)).rejects.toMatchObject({
        code: "invalid",
        message: expect.stringContaining("logs.db"),
      });
    }
    writeFileSync(join(dataDir, "server.db"), "this is no database at all, but long enough to look at".repeat(100));
    await expect(openStore(options)).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("server.db"),
    });
  });

  test("the databases are for their owner alone, also in a directory that others may enter", async () => {
    await using place = await kindNamed("sqlite").create();
    const { dataDir } = place.options;
    chmodSync(dataDir, 0o755);
    await using store = await place.open();
    await store.logs.append(1, 0, packRows([{ time: 0, content: "row" }]));
    for (const name of ["server.db", "server.db-wal", "logs.db", "logs.db-wal"])
      expect([name, statSync(join(dataDir, name)).mode & 0o077]).toEqual([name, 0]);
  });

  test("the migrated tables have exactly the columns of the entities", async () => {
    await using place = await kindNamed("sqlite").create();
    const dataSource = await openSqlite(place.options.dataDir, "writer");
    await migrate(dataSource);
    await migrate(dataSource);
    await expectSameColumns(dataSource);
    await dataSource.destroy();
  });
});

describe.skipIf(mariadbMissing !== undefined)("MariaDB", () => {
  test("several replicas that start at once migrate once", async () => {
    await using place = await kindNamed("mariadb").create();
    const stores = await Promise.all([1, 2, 3, 4].map(() => place.open({ poolSize: 2 })));
    for (const [i, store] of stores.entries()) await store.write((tx) => tx.meta.putIfAbsent(`k${i}`, "v"));
    for (const store of stores) expect(await store.read.meta.get("k3")).toBe("v");
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
  });

  test("the migrated tables have exactly the columns of the entities, compared by bytes", async () => {
    const url = await (await sharedMariadb()).createDatabase();
    const dataSource = await openMysql(parseDatabaseUrl(url), 2);
    await migrate(dataSource);
    await expectSameColumns(dataSource);
    const collations: { collation: string }[] = await dataSource.query(
      `SELECT DISTINCT COLLATION_NAME AS collation FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL AND TABLE_NAME <> 'migrations'`,
    );
    expect(collations).toEqual([{ collation: "utf8mb4_bin" }]);
    await dataSource.destroy();
  });

  test("a migration that died half-way is finished by the next start", async () => {
    const url = await (await sharedMariadb()).createDatabase();
    const dataSource = await openMysql(parseDatabaseUrl(url), 2);
    await migrate(dataSource);
    await dataSource.query("DELETE FROM migrations");
    await dataSource.query("DROP TABLE task_output");
    await migrate(dataSource);
    await expectSameColumns(dataSource);
    await dataSource.destroy();
  });

  test("a host that is away, a wrong password and a missing database are told apart, without the password", async () => {
    const url = await (await sharedMariadb()).createDatabase();
    const open = (databaseUrl: string) => openStore({ dataDir: "/nowhere", databaseUrl, clock: systemClock });
    const secret = (error: { message: string }) => expect(error.message).not.toContain("hunter2");
    await open("mysql://app:hunter2@127.0.0.1:1/ci").then(
      () => expect.unreachable(),
      (error: Error) => {
        expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("127.0.0.1:1") });
        secret(error);
      },
    );
    await open(url.replace(/:[^:@/]+@/, ":hunter2@")).then(
      () => expect.unreachable(),
      (error: Error) => {
        expect(error).toMatchObject({ code: "invalid", message: expect.stringContaining("app") });
        secret(error);
      },
    );
    await expect(open(`${url}_missing`)).rejects.toMatchObject({ code: "invalid" });
  });

  test("a lost connection is unavailable, and the next call works", async () => {
    const url = await (await sharedMariadb()).createDatabase();
    await using store = await openStore({ dataDir: "/nowhere", databaseUrl: url, poolSize: 2, clock: systemClock });
    await expect(
      store.write(async (tx) => {
        await tx.meta.putIfAbsent("lost", "v");
        await killConnections(url);
        await tx.meta.putIfAbsent("lost2", "v");
      }),
    ).rejects.toMatchObject({ code: "unavailable" });
    await eventually("the pool to recover", async () => {
      await store.ping().catch(() => undefined);
      return (await store.write((tx) => tx.meta.putIfAbsent("next", "v")).catch(() => "")) === "v";
    });
    expect(await store.read.meta.get("lost")).toBeUndefined();
  });
});

async function killConnections(url: string): Promise<void> {
  const own = await createConnection(url);
  const [rows] = await own.query("SHOW PROCESSLIST");
  const [self] = await own.query("SELECT CONNECTION_ID() AS id, DATABASE() AS db");
  const me = (self as { id: number; db: string }[])[0];
  for (const { Id, db } of rows as { Id: number; db: string }[]) {
    if (db === me?.db && Id !== me.id) await own.query(`KILL ${Id}`);
  }
  await own.end();
}

async function expectSameColumns(dataSource: Awaited<ReturnType<typeof openSqlite>>): Promise<void> {
  const runner = dataSource.createQueryRunner();
  for (const { options } of entities) {
    const table = await runner.getTable(options.name);
    const wanted = Object.entries(options.columns).map(([property, column]) => ({
      name: column?.name ?? property,
      isNullable: column?.nullable === true,
      isPrimary: column?.primary === true,
    }));
    const found = table?.columns.map(({ name, isNullable, isPrimary }) => ({ name, isNullable, isPrimary }));
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(found?.toSorted(byName), `columns of ${options.name}`).toEqual(wanted.toSorted(byName));
  }
  await runner.release();
}
