import type { MigrationInterface, QueryRunner } from "typeorm";
import { columnTypes, createTable, isSqlite } from "./table-builder.ts";

/** What the replicas on one database tell each other; an embedded database has no replicas. */
export class Replicas1795260000000 implements MigrationInterface {
  readonly name = "Replicas1795260000000";

  async up(runner: QueryRunner): Promise<void> {
    if (isSqlite(runner)) return;
    const t = columnTypes(runner);
    await createTable(runner, "replica_change", { columns: [t.id(), t.text("message")] });
  }

  async down(): Promise<void> {
    throw new Error("a table that was added stays: the version before does not mind it");
  }
}
