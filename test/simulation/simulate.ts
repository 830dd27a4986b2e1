import { AppError, toAppError } from "../../src/lib/errors.ts";
import { compileConfig, type RunnerConfig } from "../../src/runner/config.ts";
import type { RunnerFile } from "../../src/runner/runner-file.ts";
import type { Repository } from "../../src/server/domain/account.ts";
import { type Cause, isConclusion } from "../../src/server/domain/run.ts";
import { GLOBAL_SCOPE } from "../../src/server/domain/scope.ts";
import { deriveServerKeys } from "../../src/server/services/server-keys.ts";
import { TokenHasher } from "../../src/server/services/token-hasher.ts";
import { newRepository, newRunner } from "../contract/store-fixture.ts";
import { MemoryDatabase } from "../support/memory-store/memory-database.ts";
import { MemoryStore } from "../support/memory-store/memory-store.ts";
import { checkEnd } from "./end-state.ts";
import { Executions } from "./executions.ts";
import { breakSomething, dieAtStart, type FaultTargets, randomNetworkFaults } from "./faults.ts";
import { Invariants } from "./invariants.ts";
import { Network } from "./network.ts";
import { ACTOR, Replica, type ReplicaDeps, SLOWEST_STATEMENT_MS, type StoreFaults } from "./replica.ts";
import { Scheduler } from "./scheduler.ts";
import { SimBus } from "./sim-bus.ts";
import { SimRunner } from "./sim-runner.ts";
import { randomWorkflow } from "./workload.ts";

const KEYS = deriveServerKeys("the server key of all simulations");
const CONFIG: RunnerConfig = compileConfig({}).config;
/** After the faults everything has to end within this time. */
const LONGEST_END_MS = 60 * 60_000;
/** Heartbeats of tasks are written every 10 s, for the other replicas. */
const HEARTBEATS_SAVED_MS = 12_000;
/** What is left to say after the last job. */
const QUIET_MS = 20_000;

/** What a simulation is to do besides what its seed says. */
export interface SimulationOptions extends Pick<ReplicaDeps, "breakStore" | "breakServices"> {
  /** Keep the whole trace. @default the end of it */
  readonly verbose?: boolean;
  /** Most server replicas. @default 1 */
  readonly replicas?: number;
}

/** `rotations`: new tokens that were confirmed; `additional`: tasks beside the one that a poll was given. */
type Rare = "rotations" | "additional" | "offeredAgain";

/** How a simulation ended. */
export interface SimulationResult {
  /** Empty when all went as it must. */
  readonly breaches: readonly string[];
  readonly trace: readonly string[];
  /** One number of everything that happened. */
  readonly digest: number;
  readonly events: number;
  /** What took place, so that a test can see that it is not nothing. */
  readonly counts: Readonly<
    Record<
      "runs" | "jobs" | "tasks" | "executions" | "lost" | "notAcknowledged" | "cancelled" | "endless" | Rare,
      number
    >
  >;
}

/** Runs the course of events of one seed. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const world = await makeWorld(seed, options);
  const { scheduler, database, executions, invariants } = world;
  await world.live();
  checkEnd(world);
  const causes = [...database.table("task").values()].map(({ task }) => task.cause);
  const count = (cause: Cause) => causes.filter((other) => other === cause).length;
  return {
    breaches: invariants.breaches,
    trace: scheduler.trace,
    digest: scheduler.digest,
    events: scheduler.fired,
    counts: {
      runs: database.table("run").size,
      jobs: database.table("job").size,
      tasks: database.table("task").size,
      executions: executions.all.length,
      lost: count("runner_lost"),
      notAcknowledged: count("not_acknowledged"),
      cancelled: count("cancelled"),
      endless: count("timeout"),
      rotations: invariants.rotations,
      additional: invariants.additional,
      offeredAgain: [...database.table("task").values()].filter(({ task }) => task.offeredAt > task.startedAt).length,
    },
  };
}

async function makeWorld(seed: number, options: SimulationOptions): Promise<World> {
  const scheduler = new Scheduler(seed, options.verbose === undefined ? {} : { verbose: options.verbose });
  const { random } = scheduler;
  const database = new MemoryDatabase();
  const executions = new Executions();
  const calm = random.chance(0.15);
  const count = random.whole(1, options.replicas ?? 1);
  const staleMs = count > 1 ? 15_000 : SLOWEST_STATEMENT_MS;
  const bus = new SimBus();
  const hasher = new TokenHasher(KEYS.mac);
  const tokens = { mac: (token: string) => hasher.mac(token), isBusWhole: () => !bus.hasLost };
  const unsavedMs = count > 1 ? HEARTBEATS_SAVED_MS : 0;
  const endlessTaskMs = random.chance(0.2) ? random.between(30_000, 200_000) : 60 * 60_000;
  const limits = { calm, staleMs, unsavedMs, endlessTaskMs };
  const invariants = new Invariants({ scheduler, database, executions, ...limits, ...tokens });
  database.onCommit = (changes) => invariants.committed(changes);
  const network = new Network(scheduler);
  const store: StoreFaults = { awayUntil: 0, slow: 0 };
  const ids = random.ids();
  const isolation = count > 1 || random.chance(0.5) ? "rows" : "serial";
  const { breakStore, breakServices } = options;
  const deps = {
    scheduler,
    database,
    isolation,
    keys: KEYS,
    ids,
    faults: store,
    bus,
    tokenLifetimeMs: random.chance(0.2) ? random.between(60_000, 200_000) : null,
    endlessTaskMs,
    breakStore,
    breakServices,
  } as const;
  const replicas = Array.from({ length: count }, (_, i) => new Replica(`server${i + 1}`, deps));
  const { repository, identities } = await seedRows(database, scheduler);
  const runners = identities.map((identity, index) => {
    const config = { ...CONFIG, capacity: index === 0 ? random.whole(1, 3) : random.whole(1, 2) };
    const onAnswered: ConstructorParameters<typeof SimRunner>[0]["onAnswered"] = (request, answer, takenAt, server) =>
      invariants.answered(request, answer, { takenAt, server }, identity.name);
    const [streams, takesTokens] = [random.chance(0.6), !identity.ephemeral && random.chance(0.8)];
    const onBegin = (runner: SimRunner) => world.begun(runner);
    const common = { network, executions, identity, config, ids, slots: replicas, streams, takesTokens };
    return new SimRunner({ ...common, onAnswered, onBegin });
  });
  const parts = { scheduler, database, executions, invariants, network, store, bus, replicas, runners, repository };
  const world = new World(parts);
  return world;
}

/** An account, a repository and the runners; the first of them can do every job and stays for ever. */
async function seedRows(database: MemoryDatabase, { random }: Scheduler) {
  const store = new MemoryStore(database, { isolation: "serial" });
  const hasher = new TokenHasher(KEYS.mac);
  const ids = random.ids();
  return await store.write(async (tx) => {
    const account = await tx.accounts.insert({ name: "alice", kind: "user", createdAt: 1 });
    const repository = await tx.repositories.insert(newRepository(account.id, "site"), null);
    const requeue = random.of(["unstarted", "unstarted", "always", "never"] as const);
    const rules = { weight: 1, preferredLabel: null, preferredWaitMs: 0, requeue };
    await tx.repositories.update(repository.id, { dispatchRules: rules });
    const identities: RunnerFile[] = [];
    for (let index = 0; index <= random.whole(0, 3); index++) {
      const ephemeral = index > 0 && random.chance(0.4);
      const labels = index === 0 || random.chance(0.4) ? ["linux", "special"] : ["linux"];
      const token = ids.token();
      const row = newRunner(ids.uuid(), { name: `runner${index}`, declaredLabels: labels, labels, ephemeral });
      const runner = await tx.runners.insert({ ...row, scope: GLOBAL_SCOPE }, { hash: "", mac: hasher.mac(token) });
      const { id, uuid, name } = runner;
      const own = labels.map((label) => `${label}:host`);
      identities.push({ id, uuid, name, token, address: "http://simulation", labels: own, ephemeral });
    }
    return { repository, identities };
  });
}

interface WorldParts extends FaultTargets {
  readonly database: MemoryDatabase;
  readonly executions: Executions;
  readonly invariants: Invariants;
  readonly repository: Repository;
  readonly bus: SimBus;
}

/** Everything of one simulation. */
class World {
  readonly #parts: WorldParts;
  /** Wishes of users that are not fulfilled yet. */
  #wishes = 0;
  /** How many runners die as they begin with a task. */
  #dying = 0;

  constructor(parts: WorldParts) {
    this.#parts = parts;
  }

  get scheduler(): Scheduler {
    return this.#parts.scheduler;
  }
  get database(): MemoryDatabase {
    return this.#parts.database;
  }
  get executions(): Executions {
    return this.#parts.executions;
  }
  get invariants(): Invariants {
    return this.#parts.invariants;
  }
  get replicas(): readonly Replica[] {
    return this.#parts.replicas;
  }
  get runners(): readonly SimRunner[] {
    return this.#parts.runners;
  }

  /** A runner began with a task. */
  begun(runner: SimRunner): void {
    if (this.#dying > 0 && this.scheduler.random.chance(this.#dying)) dieAtStart(this.#parts, runner);
  }

  /** A time of work and faults, then one in which everything heals and has to end. */
  async live(): Promise<void> {
    const { scheduler, network, store, bus, replicas, runners } = this.#parts;
    const { random } = scheduler;
    const { calm } = this.invariants;
    for (const part of [...replicas, ...runners]) part.start();
    const faultyMs = random.between(30_000, 240_000);
    network.faults = randomNetworkFaults(random, calm);
    bus.loss = random.chance(0.3) ? random.next() : 0;
    bus.slowMs = random.of([250, 250, 10_000]);
    store.slow = random.chance(0.3) ? random.between(0, 0.02) : 0;
    const times = (most: number) => Array.from({ length: random.whole(0, most) }, () => random.between(0, faultyMs));
    for (const ms of times(7)) scheduler.after(ms, () => breakSomething(this.#parts, calm));
    for (const ms of [0, ...times(2)]) scheduler.after(ms, () => this.#submit());
    for (const ms of times(2)) scheduler.after(ms, () => this.#cancel());
    if (random.chance(0.2)) scheduler.after(random.between(0, faultyMs), () => this.#deleteRunner());
    for (const ms of times(2)) scheduler.after(ms, () => this.#rotate());
    this.#dying = !calm && random.chance(0.1) ? random.between(0.05, 0.5) : 0;
    await scheduler.run(() => false, faultyMs);
    this.#heal();
    const ended = await scheduler.run(() => this.#unfinished() === undefined, LONGEST_END_MS);
    if (!ended) this.invariants.breach(`not everything has ended: ${this.#unfinished()}`);
    await scheduler.run(() => false, QUIET_MS);
  }

  #heal(): void {
    const { scheduler, network, store, bus, replicas, runners } = this.#parts;
    scheduler.note("everything heals");
    this.#dying = 0;
    bus.loss = 0;
    bus.slowMs = 250;
    network.heal();
    store.awayUntil = 0;
    store.slow = 0;
    for (const replica of replicas) replica.started?.process.thaw();
    for (const runner of runners) runner.process?.thaw();
    const supervise = () => {
      for (const part of [...replicas, ...runners]) part.start();
      scheduler.after(5_000, supervise);
    };
    supervise();
  }

  /** What has not ended yet. */
  #unfinished(): string | undefined {
    if (this.#wishes > 0) return "a wish";
    if (this.replicas.some(({ running }) => running === undefined)) return "the start of a server";
    for (const job of this.database.table("job").values()) if (!isConclusion(job.status)) return `job ${job.id}`;
    if (this.executions.live().length > 0) return "an execution";
    const rotating = this.invariants.rotating(this.#parts.runners);
    return rotating === undefined ? undefined : `the rotation of the token of ${rotating}`;
  }

  #submit(): void {
    const source = randomWorkflow(this.scheduler.random);
    this.#wish("submit", async (replica) => {
      const id = await replica.submit(this.#parts.repository, source);
      this.scheduler.note(`run ${id} is submitted`);
    });
  }

  #cancel(): void {
    const runs = [...this.database.table("run").values()].filter(({ run }) => !isConclusion(run.status));
    if (runs.length === 0) return;
    const { id } = this.scheduler.random.of(runs).run;
    const triedAt = this.scheduler.now;
    this.#wish(`cancel run ${id}`, async (replica) => {
      await replica.cancel(id);
      this.invariants.cancelled.set(id, { triedAt, at: this.scheduler.now });
      this.scheduler.note(`run ${id} is cancelled`);
    });
  }

  #deleteRunner(): void {
    const { runners } = this.#parts;
    if (runners.length < 2) return;
    const { identity } = this.scheduler.random.of(runners.slice(1));
    this.#wish(`delete ${identity.name}`, async ({ started }) => {
      if (started === undefined) throw new AppError("unavailable", "the server is down");
      await started.services.editRunner.delete(identity.id, ACTOR);
    });
  }

  /** A new token for a runner; the old one of the first runner, which has to stay, is not ended before its time. */
  #rotate(): void {
    const { runners } = this.#parts;
    const { random } = this.scheduler;
    const { identity } = random.of(runners);
    const overlapMs = identity === runners[0]?.identity ? undefined : random.of([undefined, 0, 5_000, 120_000]);
    if (overlapMs !== undefined) this.invariants.outOfTime.add(identity.name);
    this.#wish(`rotate the token of ${identity.name}`, async ({ started }) => {
      if (started === undefined) throw new AppError("unavailable", "the server is down");
      const options = overlapMs === undefined ? {} : { overlapMs };
      await started.services.runnerTokens.rotate(identity.id, ACTOR, options);
      this.scheduler.note(`the token of ${identity.name} is to change, the old one works for ${overlapMs} ms`);
    });
  }

  /** Somebody wants something, and tries it until a server has done it. */
  #wish(what: string, work: (replica: Replica) => Promise<void>): void {
    const { scheduler } = this.#parts;
    this.#wishes += 1;
    const attempt = () => {
      let over = false;
      const again = (ms: number) => {
        if (!over) scheduler.after(ms, attempt);
        over = true;
      };
      const up = this.replicas.filter(({ running }) => running !== undefined);
      if (up.length === 0) return again(1_000);
      const fulfilled = () => {
        if (!over) this.#wishes -= 1;
        over = true;
      };
      scheduler.note(what);
      work(scheduler.random.of(up)).then(fulfilled, (error: unknown) => {
        const { code, message } = toAppError(error);
        scheduler.note(`${what} fails: ${message}`);
        if (code === "conflict" || code === "not_found") fulfilled();
        else again(1_000);
      });
      scheduler.after(60_000, () => again(0));
    };
    attempt();
  }
}
