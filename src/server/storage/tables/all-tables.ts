import type { Session } from "../session.ts";
import type { WriteTables } from "../store.ts";
import { AccountTable } from "./account-table.ts";
import { ArtifactTable } from "./artifact-table.ts";
import { AuditTable } from "./audit-table.ts";
import { CacheTable } from "./cache-table.ts";
import { GroupTable } from "./group-table.ts";
import { HousekeepingTable } from "./housekeeping-table.ts";
import { JobTable } from "./job-table.ts";
import { MetaTable } from "./meta-table.ts";
import { OrphanedBlobTable } from "./orphaned-blob-table.ts";
import { RepositoryTable } from "./repository-table.ts";
import { RunTable } from "./run-table.ts";
import { RunnerTable } from "./runner-table.ts";
import { SettingTable } from "./setting-table.ts";
import { SummaryTable } from "./summary-table.ts";
import { TaskTable } from "./task-table.ts";
import { TasksVersionTable } from "./tasks-version-table.ts";
import { ApiTokenTable, RegistrationTokenTable } from "./token-tables.ts";

/** All tables over one session; the read side hides those methods that write. */
export function writeTables(session: Session): WriteTables {
  return {
    accounts: new AccountTable(session),
    repositories: new RepositoryTable(session),
    apiTokens: new ApiTokenTable(session),
    registrationTokens: new RegistrationTokenTable(session),
    runners: new RunnerTable(session),
    runs: new RunTable(session),
    jobs: new JobTable(session),
    groups: new GroupTable(session),
    tasks: new TaskTable(session),
    tasksVersions: new TasksVersionTable(session),
    settings: new SettingTable(session),
    audit: new AuditTable(session),
    meta: new MetaTable(session),
    housekeeping: new HousekeepingTable(session),
    artifacts: new ArtifactTable(session),
    caches: new CacheTable(session),
    summaries: new SummaryTable(session),
    orphanedBlobs: new OrphanedBlobTable(session),
  };
}
