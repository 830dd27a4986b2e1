import { EntitySchema } from "typeorm";
import type { Account, ApiToken, Role } from "../../domain/account.ts";
import type { DispatchRules } from "../../domain/dispatch-rules.ts";
import { idColumn, integer, json, text } from "./columns.ts";

/** Row of an account. */
export interface AccountRow extends Account {
  nameLower: string;
}
/** Accounts. */
export const accountEntity = new EntitySchema<AccountRow>({
  name: "account",
  columns: {
    id: idColumn,
    name: text("name"),
    nameLower: text("name_lower"),
    kind: text("kind"),
    createdAt: integer("created_at"),
  },
});

/** What a user may do in an account. */
export interface MembershipRow {
  userId: number;
  accountId: number;
  role: Role;
}
/** Memberships. */
export const membershipEntity = new EntitySchema<MembershipRow>({
  name: "membership",
  columns: {
    userId: integer("user_id", { primary: true }),
    accountId: integer("account_id", { primary: true }),
    role: text("role"),
  },
});

/** Row of a repository. */
export interface RepositoryRow {
  id: number;
  ownerId: number;
  name: string;
  nameLower: string;
  cloneUrl: string;
  defaultBranch: string;
  sealedCredential: string | null;
  /** Number of the newest run. */
  runCounter: number;
  /** Number of runs and of jobs that there are. */
  runTotal: number;
  jobTotal: number;
  createdAt: number;
  /** Only what differs from the defaults; null: nothing. */
  dispatchRules: Partial<DispatchRules> | null;
}
/** Repositories. */
export const repositoryEntity = new EntitySchema<RepositoryRow>({
  name: "repository",
  columns: {
    id: idColumn,
    ownerId: integer("owner_id"),
    name: text("name"),
    nameLower: text("name_lower"),
    cloneUrl: text("clone_url"),
    defaultBranch: text("default_branch"),
    sealedCredential: text("sealed_credential", { nullable: true }),
    runCounter: integer("run_counter"),
    runTotal: integer("run_total"),
    jobTotal: integer("job_total"),
    createdAt: integer("created_at"),
    dispatchRules: json("dispatch_rules", { nullable: true }),
  },
});

/** Row of an API token. */
export interface ApiTokenRow {
  id: number;
  accountId: number;
  name: string;
  grantKind: ApiToken["grant"]["kind"];
  grantOwnerId: number;
  grantRepositoryId: number;
  access: ApiToken["access"];
  hash: string;
  mac: string | null;
  expiresAt: number | null;
  createdAt: number;
}
/** API tokens. */
export const apiTokenEntity = new EntitySchema<ApiTokenRow>({
  name: "api_token",
  columns: {
    id: idColumn,
    accountId: integer("account_id"),
    name: text("name"),
    grantKind: text("grant_kind"),
    grantOwnerId: integer("grant_owner_id"),
    grantRepositoryId: integer("grant_repository_id"),
    access: text("access_level"),
    hash: text("hash"),
    mac: text("mac", { nullable: true }),
    expiresAt: integer("expires_at", { nullable: true }),
    createdAt: integer("created_at"),
  },
});
