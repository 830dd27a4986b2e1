import type { MigrationInterface, QueryRunner } from "typeorm";
import { addColumn, addIndex } from "./table-builder.ts";

/** What lists of runs and jobs are filtered by, in the order they are shown in, and how many there are. */
export class Lists1795240000000 implements MigrationInterface {
  readonly name = "Lists1795240000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const column of ["git_ref...", "event_name...", "actor_name...", "workflow_path..."]) {
      await addIndex(runner, "run", ["repository_id", column]);
    }
    await addIndex(runner, "run", ["owner_id", "status"]);
    for (const table of ["run", "job"]) await addIndex(runner, table, ["repository_id"]);
    await addIndex(runner, "job", ["owner_id"]);
    for (const table of ["run", "job"]) {
      await addColumn(runner, "repository", `${table}_total`, "number");
      await runner.query(
        `UPDATE repository SET ${table}_total = (SELECT COUNT(*) FROM ${table} WHERE repository_id = repository.id)`,
      );
    }
  }

  async down(): Promise<void> {
    throw new Error("indexes and columns that were added stay: the version before does not mind them");
  }
}
