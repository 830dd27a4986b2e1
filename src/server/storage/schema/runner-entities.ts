import { EntitySchema } from "typeorm";
import type { Runner } from "../../domain/runner.ts";
import type { RegistrationToken } from "../store.ts";
import { flag, idColumn, integer, json, text } from "./columns.ts";
import { type ScopeRow, scopeColumns } from "./scope-columns.ts";

/** Row of a runner. */
export interface RunnerRow extends Omit<Runner, "scope" | "labels">, ScopeRow {
  tokenHash: string;
  tokenMac: string | null;
  nextTokenHash: string | null;
  nextTokenMac: string | null;
  nextTokenSealed: string | null;
}
/** Runners. */
export const runnerEntity = new EntitySchema<RunnerRow>({
  name: "runner",
  columns: {
    id: idColumn,
    uuid: text("uuid"),
    name: text("name"),
    description: text("description"),
    version: text("version"),
    ...scopeColumns,
    declaredLabels: json("labels"),
    labelOverlay: json("label_overlay", { nullable: true }),
    capabilities: json("capabilities"),
    ephemeral: flag("ephemeral"),
    disabled: flag("disabled"),
    priority: integer("priority"),
    system: json("system_facts", { nullable: true }),
    health: text("health", { nullable: true }),
    lastOnline: integer("last_online", { nullable: true }),
    lastActive: integer("last_active", { nullable: true }),
    tokenHash: text("token_hash"),
    tokenMac: text("token_mac", { nullable: true }),
    createdAt: integer("created_at"),
    deletedAt: integer("deleted_at", { nullable: true }),
    reportsUntil: integer("reports_until", { nullable: true }),
    tokenMadeAt: integer("token_made_at"),
    oldTokenUntil: integer("old_token_until", { nullable: true }),
    nextTokenHash: text("next_token_hash", { nullable: true }),
    nextTokenMac: text("next_token_mac", { nullable: true }),
    nextTokenSealed: text("next_token_sealed", { nullable: true }),
    boundJobId: integer("bound_job_id", { nullable: true }),
    unusedUntil: integer("unused_until", { nullable: true }),
  },
});

/** Row of a registration token. */
export interface RegistrationTokenRow extends Omit<RegistrationToken, "scope">, ScopeRow {
  mac: string;
}
/** Registration tokens. */
export const registrationTokenEntity = new EntitySchema<RegistrationTokenRow>({
  name: "registration_token",
  columns: {
    id: idColumn,
    ...scopeColumns,
    mac: text("mac"),
    active: flag("active"),
    current: flag("is_current"),
    sealed: text("sealed", { nullable: true }),
    expiresAt: integer("expires_at", { nullable: true }),
    usesLeft: integer("uses_left", { nullable: true }),
    cidrs: json("cidrs"),
    createdAt: integer("created_at"),
  },
});
