import { FakeExecutor } from "../../src/executors/fake/fake-executor.ts";
import { AppError } from "../../src/lib/errors.ts";
import type { Ids } from "../../src/lib/ids.ts";
import type { RunnerConfig } from "../../src/runner/config.ts";
import { runTasks } from "../../src/runner/daemon.ts";
import type { RunnerMachine } from "../../src/runner/machine-health.ts";
import type { RunnerFile } from "../../src/runner/runner-file.ts";
import { type Execution, type Executions, stepAnswer } from "./executions.ts";
import type { Network, ServerSlot } from "./network.ts";
import { SimProcess } from "./sim-process.ts";
import { type SimLink, simClient } from "./sim-transport.ts";

/** What a runner needs around it. */
export interface SimRunnerDeps {
  readonly network: Network;
  readonly executions: Executions;
  readonly identity: RunnerFile;
  readonly config: RunnerConfig;
  readonly ids: Ids;
  /** The servers it may be sent to. */
  readonly slots: readonly ServerSlot[];
  readonly streams: boolean;
  /** Takes new tokens by itself. */
  readonly takesTokens: boolean;
  readonly onAnswered: SimLink["onAnswered"];
  /** Told when it begins with a task. */
  readonly onBegin: (runner: SimRunner) => void;
}

/** A runner: the real one over the simulated network, with steps that only say what they do. It may die and start again. */
export class SimRunner {
  readonly name: string;
  /** What is on its disk. */
  identity: RunnerFile;
  /** It will not take tasks any more: done with its one task, or unknown to the server. */
  over = false;
  /** A server has said that it does not know it. */
  refused = false;
  process: SimProcess | undefined;
  readonly #deps: SimRunnerDeps;
  #stop = new AbortController();
  #count = 0;
  #sticky: ServerSlot | undefined;

  constructor(deps: SimRunnerDeps) {
    this.name = deps.identity.name;
    this.identity = deps.identity;
    this.#deps = deps;
  }

  /** It takes new tokens by itself. */
  get takesTokens(): boolean {
    return this.#deps.takesTokens;
  }

  /** Starts it, unless it runs or is over. */
  start(): void {
    if (this.over || this.process !== undefined) return;
    const { scheduler } = this.#deps.network;
    const skewMs = scheduler.random.chance(0.3) ? scheduler.random.between(-3_600_000, 3_600_000) : 0;
    const process = new SimProcess(scheduler, `${this.name}.${++this.#count}`, skewMs);
    scheduler.note(`${process.name} starts`);
    this.process = process;
    this.#stop = new AbortController();
    void this.#run(process);
  }

  /** It is killed. Its disk stays. */
  kill(): void {
    this.process?.kill();
    this.process = undefined;
  }

  /** It takes no new tasks, and ends when those that it has are done. */
  stop(): void {
    const { process } = this;
    if (process === undefined) return;
    this.#deps.network.scheduler.note(`${process.name} is stopped`);
    process.after(0, () => this.#stop.abort());
  }

  async #run(process: SimProcess): Promise<void> {
    const { config, ids, takesTokens } = this.#deps;
    const { identity } = this;
    const link: SimLink = { ...this.#deps, runner: this.name, process, choose: () => this.#choose() };
    const executor = this.#executor(process);
    const parts = {
      ...{ config, version: "simulation", spoolFolder: "/simulation/spool", machine: MACHINE },
      executors: async () => ({ host: executor }),
      connect: (options: Parameters<typeof simClient>[1]) => simClient(link, options),
      ...{ clock: process.clock, ids, logger: process.logger, stop: this.#stop.signal },
    };
    try {
      const saveToken = (token: string) => this.#saveToken(process, token);
      const limits = { ...(identity.ephemeral ? { maxTasks: 1 } : {}), ...(takesTokens ? { saveToken } : {}) };
      const { end } = await runTasks(identity, parts, limits);
      process.logger.info({ end }, "the runner ends");
      if (end !== "stopped") this.over = true;
      if (end === "unregistered") this.refused = true;
    } catch (error) {
      process.logger.error({ error }, "the runner gives up");
      this.over = true;
      this.refused = error instanceof AppError && error.code === "unauthenticated";
    }
    process.kill();
    if (this.process === process) this.process = undefined;
  }

  /** The disk may be slow, or full for a while; the process may die before or after it has written. */
  async #saveToken(process: SimProcess, token: string): Promise<void> {
    const { random } = process.scheduler;
    await process.pause(random.between(0, random.of([5, 5, 5_000])));
    if (random.chance(0.1)) throw new Error("the disk is full");
    this.identity = { ...this.identity, token };
    await process.pause(random.between(0, random.of([5, 5, 5_000])));
  }

  #executor(process: SimProcess): FakeExecutor {
    const { executions } = this.#deps;
    const running = new Map<string, Execution>();
    return new FakeExecutor({
      clock: process.clock,
      prepare: (job) => {
        running.set(job.id, executions.begin(job, this.name, process));
        this.#deps.onBegin(this);
      },
      answer: (step, _nth, job) => stepAnswer(running.get(job.id) as Execution, step),
      dispose: (job) => executions.end(running.get(job.id) as Execution),
    });
  }

  /** Mostly the same one, as with kept connections; another one now and then, and when it is down. */
  #choose(): ServerSlot {
    const { network, slots } = this.#deps;
    const { random } = network.scheduler;
    if (this.#sticky === undefined || this.#sticky.running === undefined || random.chance(0.1)) {
      const up = slots.filter(({ running }) => running !== undefined);
      this.#sticky = random.of(up.length === 0 ? slots : up);
    }
    return this.#sticky;
  }
}

const FACTS = {
  ...{
    os: "linux",
    arch: "amd64",
    osVersion: "",
    gitVersion: "",
    nodeVersion: "",
    dockerVersion: "",
    podmanVersion: "",
  },
  ...{ cores: 1, memoryBytes: 1, diskBytes: 1 },
};
const MACHINE: RunnerMachine = {
  facts: async () => FACTS,
  usage: async () => ({ cpu: 0, memoryBytes: 0, diskBytes: 0 }),
  freeDisk: async () => Number.MAX_SAFE_INTEGER,
  engineVersion: async () => "",
  check: async () => undefined,
};
