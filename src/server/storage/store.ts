import type { JsonValue } from "../../lib/json.ts";
import type { Account, ApiToken, Repository, Role } from "../domain/account.ts";
import type { DispatchRules } from "../domain/dispatch-rules.ts";
import type { Page, PageRequest } from "../domain/page.ts";
import type { CalledSource, Job, JobStatus, Run, RunStatus } from "../domain/run.ts";
import type { Runner, RunnerVerifiers, TokenVerifier } from "../domain/runner.ts";
import type { Scope } from "../domain/scope.ts";
import type { Task, TaskStep } from "../domain/task.ts";
import type { GroupReads, GroupWrites } from "./group-store.ts";
import type { HousekeepingReads, HousekeepingWrites } from "./housekeeping-store.ts";
import type {
  ArtifactReads,
  ArtifactWrites,
  CacheReads,
  CacheWrites,
  OrphanedBlobReads,
  OrphanedBlobWrites,
  SummaryReads,
  SummaryWrites,
} from "./job-service-store.ts";
import type { LogStore } from "./log-store.ts";

export type { Page, PageRequest } from "../domain/page.ts";

/**
 * Everything the server remembers. `read` sees committed data and never waits for a writer; its lists, counts and
 * `getMany` run beside everything else, so that no size of a table holds up a claim. `write` runs one function
 * in one transaction: what it resolves to is durable, what it throws is rolled back. The function may run again after
 * a deadlock, so it does nothing but call `tx`. On the embedded database several functions share one commit.
 */
export interface Store extends AsyncDisposable {
  readonly kind: "sqlite" | "mysql";
  readonly read: ReadTables;
  write<T>(work: (tx: WriteTables) => Promise<T>): Promise<T>;
  readonly logs: LogStore;
  /** What replicas tell each other; null on the embedded database, which one process has for itself. */
  readonly changes: ChangeLog | null;
  /** The database's time in epoch ms, by which leases count. @throws AppError unavailable when it does not answer */
  now(): Promise<number>;
  /** Whether the database answers. @throws AppError unavailable when it does not */
  ping(): Promise<void>;
}

/** Fields of `T` that the caller gives when a row is made. */
export type New<T> = Omit<T, "id">;

export interface AccountReads {
  get(id: number): Promise<Account | undefined>;
  findByName(name: string): Promise<Account | undefined>;
  list(page: PageRequest): Promise<Page<Account>>;
  /** The role of a user in an account; `owner` of itself. */
  role(userId: number, accountId: number): Promise<Role | undefined>;
  /** Accounts in which the user has a role, itself included. */
  rolesOf(userId: number): Promise<readonly { accountId: number; role: Role }[]>;
  /** Users with a role in the account, by id; a user account itself is not listed. */
  members(accountId: number): Promise<readonly { userId: number; role: Role }[]>;
}
export interface AccountWrites extends AccountReads {
  /** @throws AppError conflict when the name is taken */
  insert(account: New<Account>): Promise<Account>;
  setRole(userId: number, accountId: number, role: Role | null): Promise<void>;
  /** Deletes it with its repositories (as RepositoryWrites.delete does), runners, tokens, secrets and variables. */
  delete(id: number): Promise<{ runnerIds: readonly number[]; taskIds: readonly number[] }>;
}

export interface RepositoryReads {
  get(id: number): Promise<Repository | undefined>;
  /** Those that exist, in no order. */
  getMany(ids: readonly number[]): Promise<readonly Repository[]>;
  find(ownerName: string, name: string): Promise<Repository | undefined>;
  /** All, or those of some owners or one. */
  list(filter: { ownerIds?: readonly number[]; repositoryId?: number }, page: PageRequest): Promise<Page<Repository>>;
  /** The sealed clone credential, or null. */
  credential(id: number): Promise<string | null>;
  /** How the jobs of a repository are handed out; the defaults where nothing was set. */
  dispatchRules(id: number): Promise<DispatchRules>;
  /** Those of all repositories for which something was set. */
  allDispatchRules(): Promise<ReadonlyMap<number, DispatchRules>>;
}
export interface RepositoryWrites extends RepositoryReads {
  /** @throws AppError conflict when the owner has one of that name */
  insert(repository: New<Omit<Repository, "ownerName">>, sealedCredential: string | null): Promise<Repository>;
  update(
    id: number,
    patch: Partial<Pick<Repository, "cloneUrl" | "defaultBranch">> & {
      sealedCredential?: string | null;
      dispatchRules?: DispatchRules;
    },
  ): Promise<void>;
  /** Deletes it with its runs, jobs, tasks, logs, secrets, variables, tokens; its runners are soft-deleted. Returns the ids of those runners and of its tasks. */
  delete(id: number): Promise<{ runnerIds: readonly number[]; taskIds: readonly number[] }>;
}

export interface ApiTokenReads {
  findByMac(mac: string): Promise<ApiToken | undefined>;
  list(accountId: number | undefined, page: PageRequest): Promise<Page<ApiToken>>;
  get(id: number): Promise<ApiToken | undefined>;
}
export interface ApiTokenWrites extends ApiTokenReads {
  insert(token: New<ApiToken>, verifier: TokenVerifier): Promise<ApiToken>;
  delete(id: number): Promise<void>;
}

/** A registration token. The current one of a scope is kept sealed so that it can be shown again, as Gitea does. */
export interface RegistrationToken {
  readonly id: number;
  readonly scope: Scope;
  readonly active: boolean;
  /** The one that REST returns for its scope. */
  readonly current: boolean;
  /** Sealed text of the token; null for those that are shown once. */
  readonly sealed: string | null;
  readonly expiresAt: number | null;
  /** Registrations left, or null without limit. */
  readonly usesLeft: number | null;
  /** Addresses that may use it, as CIDR; empty for all. */
  readonly cidrs: readonly string[];
  readonly createdAt: number;
}
export interface RegistrationTokenReads {
  findByMac(mac: string): Promise<RegistrationToken | undefined>;
  current(scope: Scope): Promise<RegistrationToken | undefined>;
}
export interface RegistrationTokenWrites extends RegistrationTokenReads {
  insert(token: New<RegistrationToken>, mac: string): Promise<RegistrationToken>;
  /** Makes all tokens of exactly this scope inactive. */
  deactivate(scope: Scope): Promise<void>;
  /** Takes one use; false when the token is inactive, expired at `now` or used up. */
  consume(id: number, now: number): Promise<boolean>;
}

/** What a list of runners is limited to. `scope` matches exactly; `within` matches everything at or below. */
export interface RunnerFilter {
  readonly scope?: Scope;
  readonly within?: Scope;
  readonly disabled?: boolean;
}
export interface RunnerReads {
  /** Deleted runners are invisible to all of these. */
  get(id: number): Promise<Runner | undefined>;
  /** Those that exist, in no order. */
  getMany(ids: readonly number[]): Promise<readonly Runner[]>;
  /** With its verifiers. Unlike the others it also finds a deleted one that has `reportsUntil`, whatever the time. */
  findByUuid(uuid: string): Promise<({ runner: Runner } & RunnerVerifiers) | undefined>;
  /** The sealed text of the token that takes the place of the runner's, while it is not confirmed. */
  sealedToken(id: number): Promise<string | undefined>;
  list(filter: RunnerFilter, page: PageRequest): Promise<Page<Runner>>;
}
/** Fields of a runner that change. */
export type RunnerPatch = Partial<
  Pick<
    Runner,
    | "name"
    | "description"
    | "version"
    | "declaredLabels"
    | "labelOverlay"
    | "capabilities"
    | "disabled"
    | "priority"
    | "system"
    | "health"
    | "oldTokenUntil"
  >
>;
export interface RunnerWrites extends RunnerReads {
  insert(runner: New<Runner>, verifier: TokenVerifier): Promise<Runner>;
  /** Changes fields of a runner that is not deleted; false when there is none. */
  update(id: number, patch: RunnerPatch): Promise<boolean>;
  setVerifier(id: number, verifier: TokenVerifier): Promise<void>;
  /** Puts a new token beside the one that counts, which works until `oldUntil` at the latest; false when the runner is gone. */
  offerToken(id: number, next: { verifier: TokenVerifier; sealed: string }, oldUntil: number): Promise<boolean>;
  /** Lets the new token with this mac take the place of the old one; false when there is none such (any more). */
  confirmToken(id: number, mac: string, now: number): Promise<boolean>;
  /** Soft-deletes; false when it was gone already. @param reportsUntil until when it may finish its reports, or null */
  delete(id: number, now: number, reportsUntil?: number | null): Promise<boolean>;
  /** Takes the runner's row lock, so that one transaction at a time gives it a task. */
  lock(id: number): Promise<Runner | undefined>;
  /** Moves last_online and last_active forward for many runners in one statement. */
  touch(stamps: readonly { id: number; lastOnline: number; lastActive: number | null }[]): Promise<void>;
}

/** What a list of runs is limited to. */
export interface RunFilter {
  readonly repositoryId?: number;
  readonly ownerIds?: readonly number[];
  readonly statuses?: readonly RunStatus[];
  readonly event?: string;
  readonly ref?: string;
  readonly sha?: string;
  readonly actorName?: string;
  readonly workflowPath?: string;
}
export interface RunReads {
  get(id: number): Promise<Run | undefined>;
  /** Those that exist, in no order. */
  getMany(ids: readonly number[]): Promise<readonly Run[]>;
  list(filter: RunFilter, page: PageRequest): Promise<Page<Run>>;
  /** The workflow file as it was at the run's commit. */
  source(id: number): Promise<string>;
  /** The workflow files that the run's own calls, directly or not. */
  called(id: number): Promise<readonly CalledSource[]>;
}
export interface RunWrites extends RunReads {
  /** Gives the run the next number of its repository. @param called default none */
  insert(run: New<Omit<Run, "number">>, source: string, called?: readonly CalledSource[]): Promise<Run>;
  update(id: number, patch: Partial<Pick<Run, "status" | "attempt" | "startedAt" | "stoppedAt">>): Promise<void>;
  /** Deletes a run with its jobs, tasks and logs. Returns the ids of its tasks. */
  delete(id: number): Promise<readonly number[]>;
  /** Takes the run's row lock, so that the state of its jobs is changed by one transaction at a time. */
  lock(id: number): Promise<Run | undefined>;
}

export interface JobReads {
  get(id: number): Promise<Job | undefined>;
  /** In the order of the workflow. */
  listByRun(runId: number): Promise<readonly Job[]>;
  list(
    filter: { repositoryId?: number; ownerIds?: readonly number[]; runId?: number; statuses?: readonly JobStatus[] },
    page: PageRequest,
  ): Promise<Page<Job>>;
  /** All waiting jobs with an id above `afterId`, at most `limit`, by id; the dispatcher's view is built from it. */
  listWaiting(afterId: number, limit: number): Promise<readonly Job[]>;
}
export interface JobWrites extends JobReads {
  insertMany(jobs: readonly New<Job>[]): Promise<readonly Job[]>;
  /** Changes a job if its status is one of `from`; false when it is not. */
  update(
    id: number,
    from: readonly JobStatus[],
    patch: Partial<Omit<Job, "id" | "runId" | "repositoryId" | "ownerId" | "key">>,
  ): Promise<boolean>;
  delete(id: number): Promise<void>;
}

export interface TaskReads {
  get(id: number): Promise<Task | undefined>;
  /** Those that exist, in no order. */
  getMany(ids: readonly number[]): Promise<readonly Task[]>;
  findByTokenMac(mac: string): Promise<Task | undefined>;
  /** Tasks of a runner that are not final, oldest first. */
  openOfRunner(runnerId: number): Promise<readonly Task[]>;
  /** All tasks that are not final. */
  listOpen(afterId: number, limit: number): Promise<readonly Task[]>;
  listByJob(jobId: number): Promise<readonly Task[]>;
  /** Newest first; such as the last tasks of a runner, or Gitea's list of a repository's tasks. */
  list(filter: { runnerId?: number; repositoryId?: number; runId?: number }, page: PageRequest): Promise<Page<Task>>;
  outputs(taskId: number): Promise<Readonly<Record<string, string>>>;
  outputKeys(taskId: number): Promise<readonly string[]>;
}
export interface TaskWrites extends TaskReads {
  /** @throws AppError conflict when the delivery of that attempt exists already */
  insert(task: New<Task>, tokenMac: string): Promise<Task>;
  update(
    id: number,
    patch: Partial<
      Pick<
        Task,
        "status" | "cause" | "acknowledgedAt" | "offeredAt" | "heartbeatAt" | "cancelSentAt" | "startedAt" | "stoppedAt"
      >
    >,
  ): Promise<void>;
  /** Moves the heartbeats of open tasks forward, in one statement. */
  touch(heartbeats: readonly { id: number; heartbeatAt: number }[]): Promise<void>;
  /** Gives the task another token; the old one dies. `null` leaves it with none. */
  setToken(id: number, tokenMac: string | null): Promise<void>;
  /** Replaces the steps that differ. */
  saveSteps(id: number, steps: readonly TaskStep[]): Promise<void>;
  /** Stores outputs that are not there yet; the first value of a key wins. */
  addOutputs(id: number, outputs: Readonly<Record<string, string>>): Promise<void>;
}

/** Gitea's tasks_version: a counter per scope that grows when the set of waiting jobs changes. */
export interface TasksVersionReads {
  get(scope: Scope): Promise<number>;
}
export interface TasksVersionWrites extends TasksVersionReads {
  /** Grows the counters of the repository, its owner and the server. */
  bump(repository: { ownerId: number; repositoryId: number }): Promise<void>;
}

/** A secret (sealed) or a variable (plain), by scope and upper-case name. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly description: string;
  readonly createdAt: number;
}
export interface SettingReads {
  list(kind: "secret" | "variable", scope: Scope): Promise<readonly Setting[]>;
  /** All that the jobs of a repository may see: the server's, its owner's, its own, in this order. */
  visibleTo(repository: {
    readonly ownerId: number;
    readonly repositoryId: number;
  }): Promise<readonly (Setting & { readonly kind: "secret" | "variable"; readonly scope: Scope })[]>;
}
export interface SettingWrites extends SettingReads {
  /** True when it is new. */
  put(kind: "secret" | "variable", scope: Scope, setting: Setting): Promise<boolean>;
  delete(kind: "secret" | "variable", scope: Scope, name: string): Promise<boolean>;
}

/** One line of the audit log. */
export interface AuditRow {
  readonly at: number;
  /** Account id, or null for the server itself and for anonymous callers. */
  readonly actorId: number | null;
  /** Such as `runner.register` or `token.refused`. */
  readonly action: string;
  /** The thing, such as `runner:42`. */
  readonly target: string;
  readonly address: string | null;
  readonly detail: { readonly [key: string]: JsonValue };
}
export interface AuditReads {
  list(page: PageRequest): Promise<Page<AuditRow>>;
}
export interface AuditWrites extends AuditReads {
  append(row: AuditRow): Promise<void>;
}

export interface MetaReads {
  get(key: string): Promise<string | undefined>;
}
export interface MetaWrites extends MetaReads {
  /** Stores a value if the key is free; returns the one that counts. */
  putIfAbsent(key: string, value: string): Promise<string>;
}

/** A message of a replica. */
export interface ChangeLogRow {
  /** Grows, but rows may become visible in another order. */
  readonly id: number;
  readonly message: string;
}
/** Messages that the replicas on one database leave for each other. Each call is one statement, durable at once. */
export interface ChangeLog {
  /** The highest id, 0 when there is none. */
  newest(): Promise<number>;
  append(message: string): Promise<void>;
  /** Rows with an id above `after` that is not in `except`, by id. */
  read(request: { after: number; except: readonly number[]; limit: number }): Promise<readonly ChangeLogRow[]>;
  /** Deletes at most `limit` rows with ids up to `upTo`; returns how many. */
  prune(upTo: number, limit: number): Promise<number>;
}

export interface ReadTables {
  readonly accounts: AccountReads;
  readonly repositories: RepositoryReads;
  readonly apiTokens: ApiTokenReads;
  readonly registrationTokens: RegistrationTokenReads;
  readonly runners: RunnerReads;
  readonly runs: RunReads;
  readonly jobs: JobReads;
  readonly groups: GroupReads;
  readonly tasks: TaskReads;
  readonly tasksVersions: TasksVersionReads;
  readonly settings: SettingReads;
  readonly audit: AuditReads;
  readonly meta: MetaReads;
  readonly housekeeping: HousekeepingReads;
  readonly artifacts: ArtifactReads;
  readonly caches: CacheReads;
  readonly summaries: SummaryReads;
  readonly orphanedBlobs: OrphanedBlobReads;
}
export interface WriteTables {
  readonly accounts: AccountWrites;
  readonly repositories: RepositoryWrites;
  readonly apiTokens: ApiTokenWrites;
  readonly registrationTokens: RegistrationTokenWrites;
  readonly runners: RunnerWrites;
  readonly runs: RunWrites;
  readonly jobs: JobWrites;
  readonly groups: GroupWrites;
  readonly tasks: TaskWrites;
  readonly tasksVersions: TasksVersionWrites;
  readonly settings: SettingWrites;
  readonly audit: AuditWrites;
  readonly meta: MetaWrites;
  readonly housekeeping: HousekeepingWrites;
  readonly artifacts: ArtifactWrites;
  readonly caches: CacheWrites;
  readonly summaries: SummaryWrites;
  readonly orphanedBlobs: OrphanedBlobWrites;
}
