import { join } from "node:path";
import { DataSource } from "typeorm";
import { AppError } from "../../lib/errors.ts";
import { databaseErrorCode } from "./database-errors.ts";
import type { DatabaseAddress } from "./database-url.ts";
import { migrations } from "./migrations/migrations.ts";
import { makePrivateFile } from "./private-file.ts";
import { entities } from "./schema/entities.ts";
import { prepareReader, prepareWriter, sqliteDriver } from "./sqlite-driver.ts";

/** Prepared statements kept per connection; more than the tables have. */
const STATEMENT_CACHE = 500;

/** Name of the embedded database in the data directory. */
export const SQLITE_FILE = "server.db";

/** How long SQLite waits for a lock of a foreign process, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000;

const CONNECT_TIMEOUT_MS = 5_000;

/** A connection to the embedded database: the one that writes, or one that only reads. */
export async function openSqlite(dataDir: string, role: "writer" | "reader"): Promise<DataSource> {
  const database = join(dataDir, SQLITE_FILE);
  const dataSource = new DataSource({
    type: "better-sqlite3",
    driver: sqliteDriver,
    database,
    timeout: BUSY_TIMEOUT_MS,
    statementCacheSize: STATEMENT_CACHE,
    prepareDatabase: role === "writer" ? prepareWriter : prepareReader,
    synchronize: false,
    entities,
    migrations: role === "writer" ? [...migrations] : [],
  });
  try {
    makePrivateFile(database);
    return await dataSource.initialize();
  } catch (error) {
    const code = databaseErrorCode(error) ?? "";
    if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) {
      throw new AppError("invalid", `${database} is not a sound SQLite database (${code}); restore a backup`, error);
    }
    throw new AppError("unavailable", `${database} cannot be opened (${code}); check its permissions and disk`, error);
  }
}

/** A pool of connections to a MySQL or MariaDB server. */
export async function openMysql(address: DatabaseAddress, poolSize: number): Promise<DataSource> {
  const { host, port, user, password, database, tls } = address;
  const dataSource = new DataSource({
    type: "mysql",
    host,
    port,
    username: user,
    password,
    database,
    charset: "utf8mb4_bin",
    poolSize,
    connectTimeout: CONNECT_TIMEOUT_MS,
    supportBigNumbers: true,
    bigNumberStrings: false,
    ...(tls === "off" ? {} : { ssl: { rejectUnauthorized: tls === "verify" } }),
    synchronize: false,
    entities,
    migrations: [...migrations],
  });
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw connectError(address, error);
  }
}

function connectError({ host, port, user, database }: DatabaseAddress, error: unknown): AppError {
  const code = databaseErrorCode(error) ?? "unknown error";
  const place = `the database server ${host}:${port}`;
  switch (code) {
    case "ER_ACCESS_DENIED_ERROR":
      return new AppError("invalid", `${place} refused the user ${user}; check name and password`, error);
    case "ER_DBACCESS_DENIED_ERROR":
      return new AppError("invalid", `${place} lets the user ${user} not use ${database}; grant it`, error);
    case "ER_BAD_DB_ERROR":
      return new AppError("invalid", `${place} has no database ${database}; create it`, error);
    default:
      return new AppError(
        "unavailable",
        `${place} does not answer (${code}); check that it runs and is reachable`,
        error,
      );
  }
}
