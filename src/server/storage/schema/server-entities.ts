import { EntitySchema } from "typeorm";
import type { AuditRow, Setting } from "../store.ts";
import { idColumn, integer, json, text } from "./columns.ts";
import { type ScopeRow, scopeColumns } from "./scope-columns.ts";

/** Counter of a scope, for Gitea's tasks_version. */
export const tasksVersionEntity = new EntitySchema<{ scopeKey: string; version: number }>({
  name: "tasks_version",
  columns: { scopeKey: text("scope_key", { primary: true }), version: integer("version") },
});

/** Row of a secret or variable. */
export interface SettingRow extends Setting, ScopeRow {
  id: number;
  kind: "secret" | "variable";
}
/** Secrets and variables. */
export const settingEntity = new EntitySchema<SettingRow>({
  name: "setting",
  columns: {
    id: idColumn,
    kind: text("kind"),
    ...scopeColumns,
    name: text("name"),
    value: text("setting_value"),
    description: text("description"),
    createdAt: integer("created_at"),
  },
});

/** The audit log. */
export const auditEntity = new EntitySchema<AuditRow & { id: number }>({
  name: "audit",
  columns: {
    id: idColumn,
    at: integer("at_ms"),
    actorId: integer("actor_id", { nullable: true }),
    action: text("action_name"),
    target: text("target"),
    address: text("address", { nullable: true }),
    detail: json("detail"),
  },
});

/** Single values of the server, such as the key check value. */
export const metaEntity = new EntitySchema<{ key: string; value: string }>({
  name: "meta",
  columns: { key: text("meta_key", { primary: true }), value: text("meta_value") },
});

/** Tasks that are gone and whose logs are to be deleted. */
export const orphanedLogEntity = new EntitySchema<{ taskId: number }>({
  name: "orphaned_log",
  columns: { taskId: integer("task_id", { primary: true }) },
});
