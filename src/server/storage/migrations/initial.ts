import type { MigrationInterface, QueryRunner } from "typeorm";
import { columnTypes, createTable, isSqlite } from "./table-builder.ts";

/** The first schema. Times are epoch milliseconds; JSON is text; names compare by bytes, `name_lower` without case. */
export class Initial1795000000000 implements MigrationInterface {
  readonly name = "Initial1795000000000";

  async up(runner: QueryRunner): Promise<void> {
    await createAccounts(runner);
    await createTokensAndRunners(runner);
    await createRuns(runner);
    await createTasks(runner);
    await createServerTables(runner);
    if (!isSqlite(runner)) await createLogs(runner);
  }

  async down(): Promise<void> {
    throw new Error("the first migration cannot be undone; delete the database instead");
  }
}

async function createAccounts(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "account", {
    columns: [t.id(), t.word("name", 64), t.word("name_lower", 64), t.word("kind", 8), t.integer("created_at")],
    unique: [["name_lower"]],
  });
  await createTable(runner, "membership", {
    columns: [t.integer("user_id", { primary: true }), t.integer("account_id", { primary: true }), t.word("role", 8)],
    indexes: [["account_id"]],
    belongsTo: { user_id: "account", account_id: "account" },
  });
  await createTable(runner, "repository", {
    columns: [
      t.id(),
      t.integer("owner_id"),
      t.word("name", 255),
      t.word("name_lower", 255),
      t.text("clone_url"),
      t.text("default_branch"),
      t.text("sealed_credential", { nullable: true }),
      t.integer("run_counter"),
      t.integer("created_at"),
    ],
    unique: [["owner_id", "name_lower"]],
    belongsTo: { owner_id: "account" },
  });
  await createTable(runner, "api_token", {
    columns: [
      t.id(),
      t.integer("account_id"),
      t.text("name"),
      t.word("grant_kind", 16),
      t.integer("grant_owner_id"),
      t.integer("grant_repository_id"),
      t.word("access_level", 8),
      t.text("hash"),
      t.word("mac", 128, { nullable: true }),
      t.integer("expires_at", { nullable: true }),
      t.integer("created_at"),
    ],
    unique: [["mac"]],
    indexes: [["account_id"], ["grant_owner_id"], ["grant_repository_id"]],
    belongsTo: { account_id: "account" },
  });
}

async function createTokensAndRunners(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "registration_token", {
    columns: [
      t.id(),
      ...t.scope(),
      t.word("mac", 128),
      t.flag("active"),
      t.flag("is_current"),
      t.text("sealed", { nullable: true }),
      t.integer("expires_at", { nullable: true }),
      t.integer("uses_left", { nullable: true }),
      t.text("cidrs"),
      t.integer("created_at"),
    ],
    unique: [["mac"]],
    indexes: [["scope_owner_id"], ["scope_repository_id"]],
  });
  await createTable(runner, "runner", {
    columns: [
      t.id(),
      t.word("uuid", 64),
      t.text("name"),
      t.text("description"),
      t.text("version"),
      ...t.scope(),
      t.text("labels"),
      t.text("capabilities"),
      t.flag("ephemeral"),
      t.flag("disabled"),
      t.text("health", { nullable: true }),
      t.integer("last_online", { nullable: true }),
      t.integer("last_active", { nullable: true }),
      t.text("token_hash"),
      t.word("token_mac", 128, { nullable: true }),
      t.integer("created_at"),
      t.integer("deleted_at", { nullable: true }),
    ],
    unique: [["uuid"], ["token_mac"]],
    indexes: [["deleted_at", "last_online"], ["scope_owner_id"], ["scope_repository_id"]],
  });
}

async function createRuns(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "run", {
    columns: [
      t.id(),
      t.integer("repository_id"),
      t.integer("owner_id"),
      t.integer("run_number"),
      t.integer("attempt"),
      t.text("workflow_path"),
      t.text("workflow_name"),
      t.text("title"),
      t.text("event_name"),
      t.text("event_payload"),
      t.text("git_ref"),
      t.word("sha", 64),
      t.integer("actor_id"),
      t.text("actor_name"),
      t.word("status", 16),
      t.integer("created_at"),
      t.integer("started_at", { nullable: true }),
      t.integer("stopped_at", { nullable: true }),
    ],
    unique: [["repository_id", "run_number"]],
    indexes: [["owner_id"], ["status"], ["repository_id", "status"], ["sha"]],
    belongsTo: { repository_id: "repository" },
  });
  await createTable(runner, "run_source", {
    columns: [t.integer("run_id", { primary: true }), t.text("source")],
    belongsTo: { run_id: "run" },
  });
  await createTable(runner, "job", {
    columns: [
      t.id(),
      t.integer("run_id"),
      t.integer("repository_id"),
      t.integer("owner_id"),
      t.text("job_key"),
      t.text("name"),
      t.text("needs"),
      t.text("runs_on"),
      t.text("leg"),
      t.integer("attempt"),
      t.integer("delivery"),
      t.word("status", 16),
      t.word("cause", 32, { nullable: true }),
      t.text("message", { nullable: true }),
      t.flag("continue_on_error"),
      t.integer("task_id", { nullable: true }),
      t.integer("priority"),
      t.text("outputs"),
      t.integer("created_at"),
      t.integer("ready_at", { nullable: true }),
      t.integer("started_at", { nullable: true }),
      t.integer("stopped_at", { nullable: true }),
    ],
    indexes: [["run_id"], ["status"], ["repository_id", "status"], ["owner_id", "status"]],
    belongsTo: { run_id: "run" },
  });
}

async function createTasks(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "task", {
    columns: [
      t.id(),
      t.integer("job_id"),
      t.integer("run_id"),
      t.integer("repository_id"),
      t.integer("runner_id"),
      t.integer("attempt"),
      t.integer("delivery"),
      t.word("status", 16),
      t.word("cause", 32, { nullable: true }),
      t.integer("acknowledged_at", { nullable: true }),
      t.integer("offered_at"),
      t.integer("heartbeat_at"),
      t.integer("cancel_sent_at", { nullable: true }),
      t.integer("started_at"),
      t.integer("stopped_at", { nullable: true }),
      t.word("request_key", 255, { nullable: true }),
      t.word("token_mac", 128, { nullable: true }),
      t.text("steps"),
    ],
    unique: [["job_id", "attempt", "delivery"], ["token_mac"]],
    indexes: [["status"], ["runner_id", "status"], ["runner_id", "request_key"], ["run_id"], ["repository_id"]],
    belongsTo: { job_id: "job" },
  });
  await createTable(runner, "task_output", {
    columns: [t.integer("task_id", { primary: true }), t.word("name", 255, { primary: true }), t.text("output_value")],
    belongsTo: { task_id: "task" },
  });
  await createTable(runner, "orphaned_log", { columns: [t.integer("task_id", { primary: true })] });
}

async function createServerTables(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "tasks_version", {
    columns: [t.word("scope_key", 64, { primary: true }), t.integer("version")],
  });
  await createTable(runner, "setting", {
    columns: [
      t.id(),
      t.word("kind", 16),
      ...t.scope(),
      t.word("name", 255),
      t.text("setting_value"),
      t.text("description"),
      t.integer("created_at"),
    ],
    unique: [["kind", "scope_kind", "scope_owner_id", "scope_repository_id", "name"]],
    indexes: [["scope_owner_id"], ["scope_repository_id"]],
  });
  await createTable(runner, "audit", {
    columns: [
      t.id(),
      t.integer("at_ms"),
      t.integer("actor_id", { nullable: true }),
      t.word("action_name", 64),
      t.text("target"),
      t.text("address", { nullable: true }),
      t.text("detail"),
    ],
    indexes: [["at_ms"]],
  });
  await createTable(runner, "meta", { columns: [t.word("meta_key", 191, { primary: true }), t.text("meta_value")] });
}

/** Logs share the database on MySQL; the embedded ones have their own file (see logs/log-writer.ts). */
async function createLogs(runner: QueryRunner): Promise<void> {
  const t = columnTypes(runner);
  await createTable(runner, "log", {
    columns: [t.integer("task_id", { primary: true }), t.integer("row_count"), t.flag("finished")],
  });
  await createTable(runner, "log_segment", {
    columns: [
      t.integer("task_id", { primary: true }),
      t.integer("first_row", { primary: true }),
      t.integer("row_count"),
      t.bytes("data"),
    ],
  });
}
