import type { EntitySchemaColumnOptions } from "typeorm";
import { GLOBAL_SCOPE, type Scope } from "../../domain/scope.ts";
import type { SqlValue } from "../sql-value.ts";
import { integer, text } from "./columns.ts";

/** A scope as three columns; 0 stands for none, so that unique keys work. */
export interface ScopeRow {
  scopeKind: Scope["kind"];
  scopeOwnerId: number;
  scopeRepositoryId: number;
}

/** The columns of a scope, for entities. */
export const scopeColumns: Record<keyof ScopeRow, EntitySchemaColumnOptions> = {
  scopeKind: text("scope_kind"),
  scopeOwnerId: integer("scope_owner_id"),
  scopeRepositoryId: integer("scope_repository_id"),
};

/** A scope as columns. */
export function scopeToRow(scope: Scope): ScopeRow {
  return {
    scopeKind: scope.kind,
    scopeOwnerId: scope.kind === "global" ? 0 : scope.ownerId,
    scopeRepositoryId: scope.kind === "repository" ? scope.repositoryId : 0,
  };
}

/** Columns as a scope. */
export function scopeFromRow(row: ScopeRow): Scope {
  switch (row.scopeKind) {
    case "owner":
      return { kind: "owner", ownerId: row.scopeOwnerId };
    case "repository":
      return { kind: "repository", ownerId: row.scopeOwnerId, repositoryId: row.scopeRepositoryId };
    default:
      return GLOBAL_SCOPE;
  }
}

/** Condition for exactly this scope; a repository's id says all, whoever owns it now. */
export function whereScope(scope: Scope): { sql: string; values: SqlValue[] } {
  switch (scope.kind) {
    case "global":
      return { sql: "scope_kind = 'global'", values: [] };
    case "owner":
      return { sql: "scope_kind = 'owner' AND scope_owner_id = ?", values: [scope.ownerId] };
    case "repository":
      return { sql: "scope_kind = 'repository' AND scope_repository_id = ?", values: [scope.repositoryId] };
  }
}

/** Condition for everything at this scope or below it. */
export function whereWithin(scope: Scope): { sql: string; values: SqlValue[] } {
  switch (scope.kind) {
    case "global":
      return { sql: "1 = 1", values: [] };
    case "owner":
      return { sql: "scope_owner_id = ?", values: [scope.ownerId] };
    case "repository":
      return { sql: "scope_repository_id = ?", values: [scope.repositoryId] };
  }
}
