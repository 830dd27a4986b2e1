import type { MigrationInterface, QueryRunner } from "typeorm";
import { addColumn, addIndex, isSqlite } from "./table-builder.ts";

/** Size, age and place of the logs that share the database; the embedded ones have their own file. */
export class LogPlaces1795250000000 implements MigrationInterface {
  readonly name = "LogPlaces1795250000000";

  async up(runner: QueryRunner): Promise<void> {
    if (isSqlite(runner)) return;
    await addColumn(runner, "log", "byte_count", "number");
    await addColumn(runner, "log", "capped", "number");
    await addColumn(runner, "log", "place", "number");
    await addColumn(runner, "log", "updated_at", "number");
    await addIndex(runner, "log", ["finished", "place"]);
    // A packed row has about a sixth of its size; the age of what was there begins now.
    await runner.query(`UPDATE log SET updated_at = UNIX_TIMESTAMP() * 1000, byte_count = 6 *
      (SELECT COALESCE(SUM(LENGTH(data)), 0) FROM log_segment WHERE log_segment.task_id = log.task_id)
      WHERE updated_at = 0`);
  }

  async down(): Promise<void> {
    throw new Error("columns that were added stay: the version before does not mind them");
  }
}
