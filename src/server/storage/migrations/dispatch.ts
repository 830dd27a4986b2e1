import type { MigrationInterface, QueryRunner } from "typeorm";
import { addColumn } from "./table-builder.ts";

/** What runners report of themselves, how jobs are handed out, and how long a cancelled task may wind down. */
export class Dispatch1795100000000 implements MigrationInterface {
  readonly name = "Dispatch1795100000000";

  async up(runner: QueryRunner): Promise<void> {
    await addColumn(runner, "runner", "label_overlay", "text");
    await addColumn(runner, "runner", "system_facts", "text");
    await addColumn(runner, "runner", "priority", "number");
    await addColumn(runner, "repository", "dispatch_rules", "text");
    await addColumn(runner, "task", "cancel_timeout_ms", "nullable-number");
  }

  async down(): Promise<void> {
    throw new Error("columns that were added stay: the version before does not mind them");
  }
}
