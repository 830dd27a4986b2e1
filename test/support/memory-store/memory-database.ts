import type { Account, ApiToken, Repository, Role } from "../../../src/server/domain/account.ts";
import type { GroupMember } from "../../../src/server/domain/concurrency-group.ts";
import type { DispatchRules } from "../../../src/server/domain/dispatch-rules.ts";
import type { LogRow } from "../../../src/server/domain/log-rows.ts";
import type { CalledSource, Job, Run } from "../../../src/server/domain/run.ts";
import type { Runner, RunnerVerifiers } from "../../../src/server/domain/runner.ts";
import type { Task } from "../../../src/server/domain/task.ts";
import type { AuditRow, RegistrationToken, Setting } from "../../../src/server/storage/store.ts";
import { RowLocks } from "./row-locks.ts";

/** The rows of each table. */
export interface MemoryRows {
  account: Account;
  membership: { readonly userId: number; readonly accountId: number; readonly role: Role };
  repository: Omit<Repository, "ownerName"> & {
    readonly sealedCredential: string | null;
    readonly runCounter: number;
    readonly dispatchRules: DispatchRules | null;
  };
  apiToken: { readonly token: ApiToken; readonly mac: string };
  registrationToken: { readonly token: RegistrationToken; readonly mac: string };
  runner: { readonly runner: Runner; readonly sealed: string | null } & RunnerVerifiers;
  run: { readonly run: Run; readonly source: string; readonly called: readonly CalledSource[] };
  job: Job;
  groupMember: GroupMember;
  task: { readonly task: Task; readonly tokenMac: string | null };
  output: { readonly taskId: number; readonly name: string; readonly value: string };
  tasksVersion: number;
  setting: { readonly kind: "secret" | "variable"; readonly scope: string; readonly setting: Setting };
  audit: AuditRow;
  meta: string;
}

export type TableName = keyof MemoryRows;
export type Key = string | number;

/** One row that a transaction changed; `after` is undefined when it was deleted. */
export interface RowChange {
  readonly table: TableName;
  readonly key: Key;
  readonly before: MemoryRows[TableName] | undefined;
  readonly after: MemoryRows[TableName] | undefined;
}

/** What outlives every process: committed rows, logs, locks. Several stores may be open on it, as on one database server. */
export class MemoryDatabase {
  readonly locks = new RowLocks();
  readonly logs = new Map<number, { rows: LogRow[]; finished: boolean; expired: boolean }>();
  /** Told of every commit, before anybody else can see it. */
  onCommit: ((changes: readonly RowChange[]) => void) | undefined;
  readonly #tables = new Map<TableName, Map<Key, unknown>>();
  readonly #ids = new Map<TableName, number>();

  /** The committed rows of a table. */
  table<Name extends TableName>(name: Name): Map<Key, MemoryRows[Name]> {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(name, table);
    }
    return table as Map<Key, MemoryRows[Name]>;
  }

  /** Ids are given once, also to transactions that are rolled back. */
  nextId(name: TableName): number {
    const id = (this.#ids.get(name) ?? 0) + 1;
    this.#ids.set(name, id);
    return id;
  }

  /** Makes changes visible, all at once. */
  commit(changes: ReadonlyMap<TableName, ReadonlyMap<Key, unknown>>): void {
    const told: RowChange[] = [];
    for (const [name, rows] of changes) {
      const table = this.table(name) as Map<Key, MemoryRows[TableName]>;
      for (const [key, after] of rows as ReadonlyMap<Key, MemoryRows[TableName] | undefined>) {
        told.push({ table: name, key, before: table.get(key), after });
        if (after === undefined) table.delete(key);
        else table.set(key, after);
      }
    }
    this.onCommit?.(told);
  }
}
