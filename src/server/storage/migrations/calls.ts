import type { MigrationInterface, QueryRunner } from "typeorm";
import { addColumn } from "./table-builder.ts";

/** The workflow files that a run calls. */
export class Calls1795300000000 implements MigrationInterface {
  readonly name = "Calls1795300000000";

  async up(runner: QueryRunner): Promise<void> {
    await addColumn(runner, "run_source", "called", "text");
  }

  async down(): Promise<void> {
    throw new Error("columns that were added stay: the version before does not mind them");
  }
}
