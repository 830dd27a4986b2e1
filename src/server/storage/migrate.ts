import type { DataSource } from "typeorm";
import { AppError } from "../../lib/errors.ts";
import { databaseError } from "./database-errors.ts";

/** How long a replica waits for another one to finish, in seconds. */
const LOCK_WAIT_S = 120;

/**
 * Brings the schema up to date. Only one process does so at a time: SQLite's data directory is locked already; on
 * MySQL a named lock is taken, and a replica that waited finds nothing left to do.
 */
export async function migrate(dataSource: DataSource): Promise<void> {
  if (dataSource.options.type === "better-sqlite3") return runMigrations(dataSource);
  const runner = dataSource.createQueryRunner();
  try {
    const got: { taken: unknown }[] = await runner.query(
      "SELECT GET_LOCK(CONCAT('act_runner_migrate.', DATABASE()), ?) AS taken",
      [LOCK_WAIT_S],
    );
    if (Number(got[0]?.taken) !== 1) {
      throw new AppError("unavailable", "another server is still migrating the database; start again when it is done");
    }
    try {
      await runMigrations(dataSource);
    } finally {
      await runner.query("SELECT RELEASE_LOCK(CONCAT('act_runner_migrate.', DATABASE()))");
    }
  } catch (error) {
    throw databaseError(error);
  } finally {
    await runner.release();
  }
}

async function runMigrations(dataSource: DataSource): Promise<void> {
  try {
    await dataSource.runMigrations({ transaction: "each" });
  } catch (error) {
    throw databaseError(error);
  }
}
