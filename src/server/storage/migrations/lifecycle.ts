import type { MigrationInterface, QueryRunner } from "typeorm";
import { addColumn, columnTypes, createTable } from "./table-builder.ts";

/** Rotated tokens, credentials for one job, reservations, expired logs, and the schedule of what cleans up. */
export class Lifecycle1795230000000 implements MigrationInterface {
  readonly name = "Lifecycle1795230000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const column of ["reports_until", "old_token_until", "bound_job_id", "unused_until"]) {
      await addColumn(runner, "runner", column, "nullable-number");
    }
    for (const column of ["next_token_hash", "next_token_mac", "next_token_sealed"]) {
      await addColumn(runner, "runner", column, "text");
    }
    await addColumn(runner, "runner", "token_made_at", "number");
    await runner.query("UPDATE runner SET token_made_at = created_at WHERE token_made_at = 0");
    await addColumn(runner, "job", "reservation", "text");
    const t = columnTypes(runner);
    await createTable(runner, "cron", {
      columns: [
        t.word("name", 64, { primary: true }),
        t.word("holder", 64, { nullable: true }),
        t.integer("leased_until"),
        t.integer("due_at", { nullable: true }),
        t.integer("started_at", { nullable: true }),
        t.integer("ended_at", { nullable: true }),
        t.integer("runs"),
        t.text("outcome", { nullable: true }),
      ],
    });
  }

  async down(): Promise<void> {
    throw new Error("columns that were added stay: the version before does not mind them");
  }
}
