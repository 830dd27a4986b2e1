import type { Clock } from "../../lib/clock.ts";
import type { Ids } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Store } from "../storage/store.ts";
import { AppendLog } from "./append-log.ts";
import { AssignTask } from "./assign-task.ts";
import { CancelJobs } from "./cancel-jobs.ts";
import { type ChangeBus, LOCAL_BUS } from "./change-bus.ts";
import { DeclareRunner } from "./declare-runner.ts";
import { DispatchSettings } from "./dispatch-settings.ts";
import { Dispatcher } from "./dispatcher.ts";
import { EditRunner } from "./edit-runner.ts";
import { followChanges } from "./follow-changes.ts";
import { HeldTasks } from "./held-tasks.ts";
import { JobClaims } from "./job-claims.ts";
import type { JobGraph } from "./job-graph-port.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { OfferAgain } from "./offer-again.ts";
import { OpenTasks } from "./open-tasks.ts";
import { Presence } from "./presence.ts";
import { RegisterRunner } from "./register-runner.ts";
import { RegistrationTokens } from "./registration-tokens.ts";
import type { RunDefinitions } from "./run-definitions.ts";
import { RunTurns } from "./run-turns.ts";
import { RunnerIdentity } from "./runner-identity.ts";
import { type RunnerTokenSettings, RunnerTokens } from "./runner-tokens.ts";
import { RuntimeTokens } from "./runtime-tokens.ts";
import { SecretBox } from "./secret-box.ts";
import type { ServerKeys } from "./server-keys.ts";
import { TakeReport } from "./take-report.ts";
import { TaskChanges } from "./task-changes.ts";
import { TaskIdentity } from "./task-identity.ts";
import { type PayloadSettings, TaskPayloads } from "./task-payload.ts";
import { TaskStreams } from "./task-streams.ts";
import { TasksVersions } from "./tasks-versions.ts";
import { TokenHasher } from "./token-hasher.ts";
import { UpdateTask } from "./update-task.ts";
import type { WorkflowThreads } from "./workflow-threads.ts";

/** What the services of the runner protocol are made of. */
export interface ProtocolServicesDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly keys: ServerKeys;
  readonly graph: JobGraph;
  readonly definitions: RunDefinitions;
  readonly threads: Pick<WorkflowThreads, "payload">;
  readonly settings: PayloadSettings;
  /** Whether a job without `runs-on` fits any runner. @default true */
  readonly emptyRunsOnMatches?: boolean;
  /** When tokens of runners are renewed. @default on request alone, with an overlap of 24 h */
  readonly tokens?: RunnerTokenSettings;
  /** Joins the replicas on one database. @default the server is alone */
  readonly bus?: ChangeBus;
}

const TOKENS: RunnerTokenSettings = { lifetimeMs: null, overlapMs: 24 * 60 * 60_000 };

/** Everything that runners talk to, wired. `start` before the first call; disposing it writes what is pending. */
export type ProtocolServices = ReturnType<typeof wire> & {
  /** Loads what waits and what runs, and begins to watch over it. */
  start(): Promise<void>;
  /** Ends parked polls and streams and takes no new ones; running tasks go on reporting. */
  stop(): void;
} & AsyncDisposable;

/** Wires the services of the runner protocol. */
export function protocolServices(deps: ProtocolServicesDeps): ProtocolServices {
  const services = wire(deps);
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;
  let following: Disposable | undefined;
  return {
    ...services,
    async start() {
      // Before the rows are read, so that nothing falls in between.
      following = followChanges({
        ...{ store: deps.store, log: deps.log, settings: services.dispatch, streams: services.taskStreams },
        ...services,
      });
      await services.openTasks.load();
      await services.dispatcher.reconcile();
      loop = services.leaseKeeper.run({ signal: stopping.signal });
    },
    stop() {
      services.taskStreams.stop();
      services.dispatcher.stop();
    },
    async [Symbol.asyncDispose]() {
      services.taskStreams.stop();
      services.dispatcher.stop();
      stopping.abort();
      following?.[Symbol.dispose]();
      await loop;
      await services.presence[Symbol.asyncDispose]();
    },
  };
}

function wire(deps: ProtocolServicesDeps) {
  const { store, clock, ids, log, keys, graph, definitions, settings, bus = LOCAL_BUS } = deps;
  const hasher = new TokenHasher(keys.mac);
  const box = new SecretBox(keys.seal);
  const runtimeTokens = new RuntimeTokens(keys.jwt, clock);
  const identity = new RunnerIdentity({
    ...{ store, hasher, clock, log },
    confirmed: (runnerId) => dispatcher.runnerChanged(runnerId),
  });
  const presence = new Presence({ store, clock, log });
  const openTasks = new OpenTasks({ store, clock });
  const versions = new TasksVersions(store);
  const payloads = new TaskPayloads({ store, box, definitions, threads: deps.threads, runtimeTokens, settings });
  const dispatch = new DispatchSettings({ store, emptyRunsOnMatches: deps.emptyRunsOnMatches ?? true });
  const turns = new RunTurns(store);
  const claims = new JobClaims({
    ...{ store, clock, ids, log, hasher, payloads, openTasks, graph, identity, turns },
    settings: dispatch,
  });
  const dispatcher: Dispatcher = new Dispatcher({
    ...{ store, clock, log, claims, openTasks, presence, versions, settings: dispatch, bus },
    onChange: (change) => changes.applyGraph(change),
    onRunnerChange: (runnerId) => streams.runnerChanged(runnerId),
  });
  const changes: TaskChanges = new TaskChanges({
    ...{ store, clock, log, graph, openTasks, identity, dispatcher, bus, turns },
    cancelJobs: (jobs, cause) => cancelJobs.cancel(jobs, cause),
    taskChanged: (task) => streams.taskChanged(task),
  });
  const cancelJobs: CancelJobs = new CancelJobs({ store, clock, graph, changes, openTasks, dispatcher });
  const tokens = deps.tokens ?? TOKENS;
  const runnerTokens = new RunnerTokens({ store, clock, ids, log, hasher, box, identity, dispatcher, tokens });
  const assignments = taskAssignments({
    ...{ store, clock, ids, log, hasher, payloads, openTasks, changes, versions, dispatcher, identity, presence, bus },
    runnerTokens,
  });
  const { taskStreams: streams } = assignments;
  return {
    serverVersion: settings.serverVersion,
    bus,
    hasher,
    box,
    runtimeTokens,
    identity,
    presence,
    openTasks,
    dispatcher,
    dispatch,
    cancelJobs,
    changes,
    runnerTokens,
    ...runnerRecords({ store, clock, ids, log, hasher, box, identity, dispatcher, openTasks, changes }),
    ...assignments,
    updateTask: new UpdateTask({
      ...{ openTasks, changes },
      resultCame: (runnerId, task) => streams.resultCame(runnerId, task),
    }),
    appendLog: new AppendLog({ store, openTasks, changes }),
    taskIdentity: new TaskIdentity({ store, hasher, runtimeTokens }),
    leaseKeeper: new LeaseKeeper({ clock, log, openTasks, dispatcher, changes }),
  };
}

/** Services that make, change and delete runners. */
function runnerRecords(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly hasher: TokenHasher;
  readonly box: SecretBox;
  readonly identity: RunnerIdentity;
  readonly dispatcher: Dispatcher;
  readonly openTasks: OpenTasks;
  readonly changes: TaskChanges;
}) {
  return {
    registrationTokens: new RegistrationTokens(deps),
    registerRunner: new RegisterRunner(deps),
    declareRunner: new DeclareRunner(deps),
    editRunner: new EditRunner(deps),
  };
}

/** Services that give tasks to runners, and hear what runners hold. */
function taskAssignments(
  deps: ConstructorParameters<typeof OfferAgain>[0] & {
    readonly versions: TasksVersions;
    readonly dispatcher: Dispatcher;
    readonly identity: RunnerIdentity;
    readonly presence: Presence;
    readonly runnerTokens: RunnerTokens;
    readonly bus: ChangeBus;
  },
) {
  const offerAgain = new OfferAgain(deps);
  const assignTask = new AssignTask({ ...deps, offerAgain });
  const held = new HeldTasks(deps);
  const reported = (runnerId: number, taskIds: readonly number[]) => taskStreams.reported(runnerId, taskIds);
  const reports = new TakeReport({ ...deps, held, reported });
  const taskStreams: TaskStreams = new TaskStreams({ ...deps, assignTask, offerAgain, held, reports });
  return { assignTask, reports, taskStreams };
}
