import { AppError } from "../../src/lib/errors.ts";
import type { Ids } from "../../src/lib/ids.ts";
import type { Repository } from "../../src/server/domain/account.ts";
import type { Actor } from "../../src/server/services/audit.ts";
import { CleanUp } from "../../src/server/services/clean-up.ts";
import type { Mirrors } from "../../src/server/services/mirrors.ts";
import { type ProtocolServices, protocolServices } from "../../src/server/services/protocol-services.ts";
import { RunDefinitions } from "../../src/server/services/run-definitions.ts";
import { Runs } from "../../src/server/services/runs.ts";
import type { ServerKeys } from "../../src/server/services/server-keys.ts";
import { submitRun } from "../../src/server/services/submit-run.ts";
import { WorkflowGraph } from "../../src/server/services/workflow-graph.ts";
import type { Store } from "../../src/server/storage/store.ts";
import type { MemoryDatabase } from "../support/memory-store/memory-database.ts";
import { MemoryStore } from "../support/memory-store/memory-store.ts";
import type { Pause } from "../support/memory-store/memory-view.ts";
import { sameThread as threads } from "../support/same-thread.ts";
import type { ServerSlot } from "./network.ts";
import type { Scheduler } from "./scheduler.ts";
import { ServerEdge } from "./server-edge.ts";
import type { SimBus } from "./sim-bus.ts";
import { SimProcess } from "./sim-process.ts";

/** Who acts in the simulation. */
export const ACTOR: Actor = { accountId: null, address: null };
const URL = "http://simulation";
const RETRY_MS = 1_000;
/** Servers on one database go by its clock, but only about. */
const SKEW_MS = 500;
/** A statement, or the answer to a commit, may take so long. */
export const SLOWEST_STATEMENT_MS = 4_000;

/** An old token of a runner works for longer than any simulation, unless somebody wants it otherwise. */
const OVERLAP_MS = 24 * 60 * 60_000;
/** The periodic jobs come by so often; the leases are the first to act, as in a real server. */
const CLEAN_UP_EVERY_MS = 45_000;
/** Gives up a task after so long without a word, longer than any lease. */
const ZOMBIE_MS = 7 * 60_000;

/** How the store behaves towards a server. */
export interface StoreFaults {
  /** Until then (simulated time) it does not answer. */
  awayUntil: number;
  /** Part of the calls that take long. */
  slow: number;
}

/** What a replica needs around it. */
export interface ReplicaDeps {
  readonly scheduler: Scheduler;
  readonly database: MemoryDatabase;
  readonly isolation: "serial" | "rows";
  readonly keys: ServerKeys;
  readonly ids: Ids;
  readonly faults: StoreFaults;
  readonly bus: SimBus;
  /** Age at which tokens of runners are renewed; null: never. */
  readonly tokenLifetimeMs: number | null;
  /** A task may run for so long. */
  readonly endlessTaskMs: number;
  /** Breaks the store, to see whether that is noticed. @default as it is */
  readonly breakStore?: ((store: Store) => Store) | undefined;
  /** The same for the services. */
  readonly breakServices?: ((services: ProtocolServices) => void) | undefined;
}

/** The services of one start of a replica. */
interface Started {
  readonly process: SimProcess;
  readonly store: Store;
  readonly services: ProtocolServices;
  readonly runs: Runs;
  readonly definitions: RunDefinitions;
  readonly graph: WorkflowGraph;
}

/** A server replica: real services over the simulated store; it may die and start again. */
export class Replica implements ServerSlot {
  readonly name: string;
  running: { readonly process: SimProcess; readonly edge: ServerEdge } | undefined;
  started: Started | undefined;
  readonly #deps: ReplicaDeps;
  #count = 0;

  constructor(name: string, deps: ReplicaDeps) {
    this.name = name;
    this.#deps = deps;
  }

  /** Starts it; it takes calls when it has read what waits. */
  start(): void {
    if (this.started !== undefined) return;
    const { scheduler, database, isolation, keys, ids } = this.#deps;
    const { random } = scheduler;
    const process = new SimProcess(scheduler, `${this.name}.${++this.#count}`, random.between(-SKEW_MS, SKEW_MS));
    scheduler.note(`${process.name} starts`);
    const memory = new MemoryStore(database, { isolation, pause: this.#pauses(process) });
    process.onKill(() => memory.kill());
    const store = this.#deps.breakStore?.(memory) ?? memory;
    const definitions = new RunDefinitions(threads);
    const graph = new WorkflowGraph({ definitions, publicUrl: () => URL, groupsMoved: () => {} });
    const { clock, logger: log } = process;
    const settings = { publicUrl: () => URL, serverVersion: "simulation" };
    const bus = this.#deps.bus.join(process, process.name);
    const common = { store, clock, ids, log, keys, graph, definitions, settings, bus, threads };
    const tokens = { lifetimeMs: this.#deps.tokenLifetimeMs, overlapMs: OVERLAP_MS };
    const services = protocolServices({ ...common, tokens });
    // Argon2 works in a thread, whose time is none of the simulation's.
    services.hasher.make = async (token) => ({ hash: "", mac: services.hasher.mac(token) });
    this.#deps.breakServices?.(services);
    const runs = new Runs({
      ...{ store, clock, graph, definitions, publicUrl: () => URL },
      jobsReady: (jobs) => services.dispatcher.jobsReady(jobs),
      cancelJobs: (jobs, cause) => services.cancelJobs.cancel(jobs, cause),
    });
    this.started = { process, store, services, runs, definitions, graph };
    void this.#open(this.started);
  }

  /** It is killed. */
  kill(): void {
    this.started?.process.kill();
    this.started = undefined;
    this.running = undefined;
  }

  /** It says goodbye, lets calls finish for a while, and ends. */
  stop(): void {
    const { started } = this;
    if (started === undefined) return;
    this.#deps.scheduler.note(`${started.process.name} is stopped`);
    started.services.stop();
    started.process.after(5_000, () => {
      void started.services[Symbol.asyncDispose]().then(() => this.#ended(started));
      // as a supervisor does
      started.process.after(10_000, () => this.#ended(started));
    });
  }

  /** A user has a workflow run. */
  async submit(repository: Repository, source: string): Promise<number> {
    const { store, process, services, definitions, graph } = this.#up();
    const mirrors = {
      resolve: async () => ({ sha: "a".repeat(40), ref: "refs/heads/main" }),
      subject: async () => "a commit",
      list: async () => ["ci.yml"],
      read: async (_repository: unknown, _sha: string, path: string) =>
        path === ".gitea/workflows/ci.yml" ? source : undefined,
    } as unknown as Mirrors;
    const jobsReady = services.dispatcher.jobsReady.bind(services.dispatcher);
    const deps = { store, mirrors, clock: process.clock, publicUrl: () => URL, jobsReady, threads, definitions, graph };
    const actor = { id: repository.ownerId, name: repository.ownerName };
    return (await submitRun(deps, { repository, workflow: "ci.yml", actor })).run.id;
  }

  /** A user cancels a run. */
  async cancel(runId: number): Promise<void> {
    const { store, runs } = this.#up();
    const run = await store.read.runs.get(runId);
    if (run !== undefined) await runs.cancel(run, ACTOR);
  }

  #up(): Started {
    if (this.running === undefined || this.started === undefined)
      throw new AppError("unavailable", "the server is down");
    return this.started;
  }

  async #open(started: Started): Promise<void> {
    const { process, services } = started;
    for (;;) {
      try {
        await services.start();
        break;
      } catch (error) {
        process.logger.warn({ error }, "the server cannot start");
        await process.pause(RETRY_MS);
      }
    }
    void this.#cleanUp(started);
    const now = () => this.#deps.scheduler.now;
    this.running = { process, edge: new ServerEdge({ services, log: process.logger, now }) };
    this.#deps.scheduler.note(`${process.name} is ready`);
  }

  /** The periodic jobs that touch tasks, without the schedule and the lease that share them among replicas. */
  async #cleanUp({ process, store, services }: Started): Promise<void> {
    const { clock } = process;
    const settings = {
      ...{ zombieTaskMs: ZOMBIE_MS, endlessTaskMs: this.#deps.endlessTaskMs, abandonedJobMs: Infinity },
      ...{ logRetentionMs: null, auditRetentionMs: null, offlineRunnerMs: null, ephemeralRunnerMs: null },
    };
    const cleanUp = new CleanUp({ ...services, store, clock, settings });
    const { signal } = new AbortController();
    for (;;) {
      await process.pause(CLEAN_UP_EVERY_MS);
      const work = async () => [await cleanUp.zombieTasks({ signal }), await cleanUp.endlessTasks({ signal })];
      const said = await work().catch((error: unknown) => [String(error)]);
      process.logger.info({}, said.join("; "));
    }
  }

  #ended(started: Started): void {
    started.process.kill();
    if (this.started !== started) return;
    this.started = undefined;
    this.running = undefined;
  }

  /** Every statement takes its time, so that those of other transactions and processes come in between. */
  #pauses(process: SimProcess): Pause {
    const { scheduler, faults } = this.#deps;
    const { random } = scheduler;
    return (what) => {
      if (!process.alive) return new Promise(() => {});
      const away = faults.awayUntil > scheduler.now;
      const slow = random.chance(faults.slow);
      if (!away && !slow && what !== "commit" && random.chance(0.6)) return Promise.resolve();
      const ms = slow ? random.between(10, SLOWEST_STATEMENT_MS) : random.between(0.1, what === "commit" ? 12 : 3);
      return new Promise((resolve, reject) => {
        process.after(ms, () => {
          if (away) reject(new AppError("unavailable", "the database is away"));
          else resolve();
        });
      });
    };
  }
}
