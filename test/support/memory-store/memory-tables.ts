import type { HousekeepingWrites } from "../../../src/server/storage/housekeeping-store.ts";
import type {
  ArtifactWrites,
  CacheWrites,
  OrphanedBlobWrites,
  SummaryWrites,
} from "../../../src/server/storage/job-service-store.ts";
import type { WriteTables } from "../../../src/server/storage/store.ts";
import { accountTable, repositoryTable } from "./account-tables.ts";
import { type MemoryView, tableOf } from "./memory-view.ts";
import { jobTable, runTable, taskTable } from "./run-tables.ts";
import { runnerTable } from "./runner-table.ts";
import { auditTable, metaTable, settingTable, tasksVersionTable } from "./server-tables.ts";
import { apiTokenTable, registrationTokenTable } from "./token-tables.ts";

/** All tables over one view. */
export function memoryTables(view: MemoryView): WriteTables {
  return {
    accounts: accountTable(view),
    repositories: repositoryTable(view),
    apiTokens: apiTokenTable(view),
    registrationTokens: registrationTokenTable(view),
    runners: runnerTable(view),
    runs: runTable(view),
    jobs: jobTable(view),
    tasks: taskTable(view),
    tasksVersions: tasksVersionTable(view),
    settings: settingTable(view),
    audit: auditTable(view),
    meta: metaTable(view),
    housekeeping: tableOf<HousekeepingWrites>("housekeeping", {}),
    artifacts: tableOf<ArtifactWrites>("artifacts", {}),
    caches: tableOf<CacheWrites>("caches", {}),
    summaries: tableOf<SummaryWrites>("summaries", {}),
    orphanedBlobs: tableOf<OrphanedBlobWrites>("orphanedBlobs", {}),
  };
}
