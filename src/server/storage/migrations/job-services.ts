import type { MigrationInterface, QueryRunner } from "typeorm";
import { columnTypes, createTable } from "./table-builder.ts";

/** Artifacts, caches and step summaries; their bytes are in the store of blobs. */
export class JobServices1795290000000 implements MigrationInterface {
  readonly name = "JobServices1795290000000";

  async up(runner: QueryRunner): Promise<void> {
    const t = columnTypes(runner);
    await createTable(runner, "artifact", {
      columns: [
        ...[t.id(), t.integer("repository_id"), t.integer("run_id"), t.integer("job_id"), t.integer("task_id")],
        ...[t.integer("attempt"), t.integer("protocol"), t.word("name", 255), t.text("content_type")],
        ...[t.word("folder", 255), t.text("files"), t.integer("size"), t.word("digest", 64, { nullable: true })],
        ...[t.word("status", 16), t.integer("created_at"), t.integer("updated_at"), t.integer("expires_at")],
      ],
      indexes: [["run_id", "status"], ["repository_id", "status"], ["task_id"], ["status", "expires_at"]],
      belongsTo: { run_id: "run" },
    });
    await createTable(runner, "cache_entry", {
      columns: [
        ...[t.id(), t.integer("repository_id"), t.text("git_ref"), t.text("cache_key"), t.word("version", 128)],
        ...[t.word("folder", 255), t.text("file"), t.integer("size"), t.word("status", 16), t.integer("task_id")],
        ...[t.integer("created_at"), t.integer("used_at")],
      ],
      indexes: [["repository_id", "version", "status"], ["task_id"], ["status", "used_at"]],
      belongsTo: { repository_id: "repository" },
    });
    await createTable(runner, "step_summary", {
      columns: [t.integer("task_id", { primary: true }), t.integer("step_index", { primary: true }), t.text("content")],
      belongsTo: { task_id: "task" },
    });
    await createTable(runner, "orphaned_blob", { columns: [t.word("folder", 255, { primary: true })] });
  }

  async down(): Promise<void> {
    throw new Error("tables that were added stay: the version before does not mind them");
  }
}
