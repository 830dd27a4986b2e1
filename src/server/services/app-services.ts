import type { Git } from "../../drivers/git/git.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Store } from "../storage/store.ts";
import { Accounts } from "./accounts.ts";
import { ApiIdentity } from "./api-identity.ts";
import { ApiTokens } from "./api-tokens.ts";
import type { ChangeBus } from "./change-bus.ts";
import { CleanUp, type CleanUpSettings } from "./clean-up.ts";
import { type CleanUpSchedules, cleanUpJobs } from "./clean-up-schedule.ts";
import { CloneCredentials } from "./clone-credentials.ts";
import type { ClonePolicy } from "./clone-url.ts";
import { CronRunner } from "./cron-runner.ts";
import { DispatchRulesService } from "./dispatch-rules-service.ts";
import { GroupKeeper } from "./group-keeper.ts";
import { Jobs } from "./jobs.ts";
import { KeptFiles } from "./kept-files.ts";
import { LogSearch } from "./log-search.ts";
import { Mirrors } from "./mirrors.ts";
import { OneJobRunners } from "./one-job-runners.ts";
import { type ProtocolServices, protocolServices } from "./protocol-services.ts";
import { Repositories } from "./repositories.ts";
import { RunDefinitions } from "./run-definitions.ts";
import { RunLogs } from "./run-logs.ts";
import { RunnerAdmin } from "./runner-admin.ts";
import type { RunnerTokenSettings } from "./runner-tokens.ts";
import { Runs } from "./runs.ts";
import { ServeGit } from "./serve-git.ts";
import type { ServerKeys } from "./server-keys.ts";
import { SettingsService } from "./settings-service.ts";
import { type Submission, type SubmittedRun, submitRun } from "./submit-run.ts";
import { WorkflowGraph } from "./workflow-graph.ts";
import { WorkflowThreads } from "./workflow-threads.ts";

/** What all services are made of. */
export interface AppServicesDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly keys: ServerKeys;
  readonly git: Git;
  /** Addresses of a host's name. */
  readonly lookup: (host: string) => Promise<readonly string[]>;
  readonly dataDir: string;
  readonly clonePolicy: ClonePolicy;
  readonly defaultActionsUrl: string;
  /** Whether a job without `runs-on` fits any runner. */
  readonly emptyRunsOnMatches: boolean;
  /** A runner that is silent for longer is shown as offline. */
  readonly offlineAfterMs: number;
  /** When tokens of runners are renewed. */
  readonly tokens: RunnerTokenSettings;
  /** When what is cleaned up. */
  readonly cleanUp: CleanUpSettings;
  readonly schedules: CleanUpSchedules;
  readonly version: string;
  /** Joins the replicas on one database. */
  readonly bus: ChangeBus;
  /** Outside address; known once the server listens. */
  readonly publicUrl: () => string;
}

/** All services of a server, wired. Disposing ends what they do in the background. */
export interface AppServices extends AsyncDisposable {
  readonly protocol: ProtocolServices;
  readonly accounts: Accounts;
  readonly apiTokens: ApiTokens;
  readonly apiIdentity: ApiIdentity;
  readonly settings: SettingsService;
  readonly mirrors: Mirrors;
  readonly repositories: Repositories;
  readonly runs: Runs;
  readonly jobs: Jobs;
  readonly logs: RunLogs;
  readonly keptFiles: KeptFiles;
  readonly logSearch: LogSearch;
  readonly runnerAdmin: RunnerAdmin;
  readonly oneJobRunners: OneJobRunners;
  readonly crons: CronRunner;
  readonly groups: GroupKeeper;
  readonly dispatchRules: DispatchRulesService;
  readonly serveGit: ServeGit;
  readonly submit: (submission: Submission, options: { readonly signal?: AbortSignal }) => Promise<SubmittedRun>;
}

/** Wires the services of both sides: runners (protocol) and people (runs, repositories, administration). */
export function appServices(deps: AppServicesDeps): AppServices {
  const { store, clock, ids, log, keys, git, publicUrl, bus } = deps;
  const threads = new WorkflowThreads(clock);
  const definitions = new RunDefinitions(threads);
  const groupsMoved = (repositoryId: number) => groups.look(repositoryId);
  const graph = new WorkflowGraph({ definitions, publicUrl, groupsMoved });
  const settings = { publicUrl, defaultActionsUrl: deps.defaultActionsUrl, serverVersion: deps.version };
  const rules = { emptyRunsOnMatches: deps.emptyRunsOnMatches, tokens: deps.tokens };
  const protocol = protocolServices({
    store,
    clock,
    ids,
    log,
    keys,
    graph,
    definitions,
    threads,
    settings,
    bus,
    ...rules,
  });
  const { hasher, box, identity, presence, dispatcher, editRunner, reports, runnerTokens, dispatch } = protocol;
  const credentials = new CloneCredentials(box);
  const { dataDir, clonePolicy: policy, lookup } = deps;
  const mirrors = new Mirrors({ store, git, credentials, policy, dataDir, lookup });
  const jobsReady = dispatcher.jobsReady.bind(dispatcher);
  const runnersDeleted = editRunner.deleted.bind(editRunner);
  const cancelJobs = protocol.cancelJobs.cancel.bind(protocol.cancelJobs);
  const applyGraph = protocol.changes.applyGraph.bind(protocol.changes);
  const groups: GroupKeeper = new GroupKeeper({ store, clock, log, graph, applyGraph, cancelJobs });
  const cleanUp = new CleanUp({ store, clock, ...protocol, settings: deps.cleanUp });
  const jobs = cleanUpJobs(cleanUp, deps.schedules, deps.cleanUp);
  const crons = new CronRunner({ store, clock, log, holder: ids.uuid(), jobs });
  return {
    protocol,
    crons,
    groups,
    accounts: new Accounts({ store, clock, runnersDeleted }),
    apiTokens: new ApiTokens({ store, clock, ids, hasher }),
    apiIdentity: new ApiIdentity({ store, hasher, clock }),
    settings: new SettingsService({ store, clock, box }),
    mirrors,
    repositories: new Repositories({
      ...{ store, clock, mirrors, credentials, cancelJobs, runnersDeleted },
    }),
    runs: new Runs({ store, clock, graph, definitions, publicUrl, jobsReady, cancelJobs }),
    jobs: new Jobs({ store, clock, ...rules }),
    logs: new RunLogs({ store, clock }),
    keptFiles: new KeptFiles({ store }),
    logSearch: new LogSearch({ store, clock }),
    runnerAdmin: new RunnerAdmin({
      ...{ store, clock, ids, hasher, identity, presence, editRunner, reports, runnerTokens },
      offlineAfterMs: deps.offlineAfterMs,
    }),
    oneJobRunners: new OneJobRunners({ store, clock, ids, hasher, identity, dispatcher, ...rules }),
    dispatchRules: new DispatchRulesService({ store, clock, settings: dispatch, bus }),
    serveGit: new ServeGit({ store, git, mirrors, tasks: protocol.taskIdentity }),
    submit: (submission, options) =>
      submitRun({ store, mirrors, clock, threads, definitions, graph, publicUrl, jobsReady }, submission, options),
    async [Symbol.asyncDispose]() {
      await crons[Symbol.asyncDispose]();
      await groups[Symbol.asyncDispose]();
      await protocol[Symbol.asyncDispose]();
      await threads[Symbol.asyncDispose]();
    },
  };
}
