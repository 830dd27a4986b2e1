import type { MigrationInterface, QueryRunner } from "typeorm";
import { columnTypes, createTable } from "./table-builder.ts";

/** Who is in which concurrency group. */
export class Groups1795310000000 implements MigrationInterface {
  readonly name = "Groups1795310000000";

  async up(runner: QueryRunner): Promise<void> {
    const t = columnTypes(runner);
    await createTable(runner, "group_member", {
      columns: [
        t.id(),
        t.integer("repository_id"),
        t.word("group_name", 400),
        t.integer("run_id"),
        t.integer("job_id", { nullable: true }),
        t.word("state", 16),
        t.flag("holds"),
        t.flag("due"),
        t.flag("keeps_queue"),
      ],
      indexes: [["repository_id", "group_name"], ["run_id"], ["job_id"], ["due"]],
      belongsTo: { repository_id: "repository", run_id: "run", job_id: "job" },
    });
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable("group_member", true);
  }
}
