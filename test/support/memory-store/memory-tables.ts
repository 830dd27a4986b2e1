import type { HousekeepingWrites } from "../../../src/server/storage/housekeeping-store.ts";
import type {
  ArtifactWrites,
  CacheWrites,
  OrphanedBlobWrites,
  SummaryWrites,
} from "../../../src/server/storage/job-service-store.ts";
import type { WriteTables } from "../../../src/server/storage/store.ts";
import { accountTable, repositoryTable } from "./account-tables.ts";
import { groupTable } from "./group-table.ts";
import { type MemoryView, tableOf } from "./memory-view.ts";
import { jobTable, runTable, taskTable } from "./run-tables.ts";
import { runnerTable } from "./runner-table.ts";
import { auditTable, metaTable, settingTable, tasksVersionTable } from "./server-tables.ts";
import { apiTokenTable, registrationTokenTable } from "./token-tables.ts";

const TABLES: { readonly [Name in keyof WriteTables]: (view: MemoryView) => WriteTables[Name] } = {
  accounts: accountTable,
  repositories: repositoryTable,
  apiTokens: apiTokenTable,
  registrationTokens: registrationTokenTable,
  runners: runnerTable,
  runs: runTable,
  jobs: jobTable,
  groups: groupTable,
  tasks: taskTable,
  tasksVersions: tasksVersionTable,
  settings: settingTable,
  audit: auditTable,
  meta: metaTable,
  housekeeping: () => tableOf<HousekeepingWrites>("housekeeping", {}),
  artifacts: () => tableOf<ArtifactWrites>("artifacts", {}),
  caches: () => tableOf<CacheWrites>("caches", {}),
  summaries: () => tableOf<SummaryWrites>("summaries", {}),
  orphanedBlobs: () => tableOf<OrphanedBlobWrites>("orphanedBlobs", {}),
};

/** All tables over one view; each is made when it is first used. */
export function memoryTables(view: MemoryView): WriteTables {
  const tables = {} as { -readonly [Name in keyof WriteTables]: WriteTables[Name] };
  for (const [name, make] of Object.entries(TABLES)) {
    Object.defineProperty(tables, name, {
      configurable: true,
      get: () => {
        const value = make(view);
        Object.defineProperty(tables, name, { value });
        return value;
      },
    });
  }
  return tables;
}
