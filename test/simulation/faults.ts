import { CALM, type Network, type NetworkFaults } from "./network.ts";
import type { Random } from "./random.ts";
import type { Replica, StoreFaults } from "./replica.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimRunner } from "./sim-runner.ts";

/** What may be broken. */
export interface FaultTargets {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly store: StoreFaults;
  readonly replicas: readonly Replica[];
  readonly runners: readonly SimRunner[];
}

/** How a network of one seed is. */
export function randomNetworkFaults(random: Random, calm: boolean): NetworkFaults {
  if (calm) return CALM;
  const some = (most: number) => (random.chance(0.5) ? random.between(0, most) : 0);
  return {
    lostRequest: some(0.15),
    lostAnswer: some(0.15),
    reset: random.next(),
    duplicated: some(0.2),
    slow: some(0.15),
    slowMs: random.of([500, 5_000, 40_000]),
  };
}

/** Breaks one thing by chance. In a calm simulation runners and the network stay whole. */
export function breakSomething(targets: FaultTargets, calm: boolean): void {
  const { scheduler } = targets;
  scheduler.random.of(calm ? SERVER_FAULTS : ALL_FAULTS)(targets);
}

/**
 * The runner that has just begun with a task is cut off and dies, so that its first words on the task may come when the
 * server has offered the task again, to the runner's next process.
 */
export function dieAtStart({ scheduler, network, replicas }: FaultTargets, runner: SimRunner): void {
  const { random } = scheduler;
  const ms = random.between(8_000, 25_000);
  for (const replica of replicas) network.cut(runner.name, replica.name, ms);
  const { process } = runner;
  scheduler.after(random.between(0, 8_000), () => {
    if (runner.process !== process) return;
    runner.kill();
    scheduler.after(random.between(500, 4_000), () => runner.start());
  });
}

type Fault = (targets: FaultTargets) => void;

const crashServer: Fault = ({ scheduler, replicas }) => {
  const replica = scheduler.random.of(replicas);
  replica.kill();
  scheduler.after(scheduler.random.between(200, 20_000), () => replica.start());
};

const stopServer: Fault = ({ scheduler, replicas }) => {
  const replica = scheduler.random.of(replicas);
  replica.stop();
  scheduler.after(scheduler.random.between(16_000, 30_000), () => replica.start());
};

const freezeServer: Fault = ({ scheduler, replicas }) => {
  scheduler.random.of(replicas).started?.process.freeze(scheduler.random.between(500, 100_000));
};

const storeAway: Fault = ({ scheduler, store }) => {
  const ms = scheduler.random.between(500, 40_000);
  scheduler.note(`the store is away for ${Math.round(ms)} ms`);
  store.awayUntil = Math.max(store.awayUntil, scheduler.now + ms);
};

const jumpServerClock: Fault = ({ scheduler, replicas }) => {
  const process = scheduler.random.of(replicas).started?.process;
  if (process === undefined) return;
  process.skewMs = scheduler.random.between(-2_000, 2_000);
  scheduler.note(`the clock of ${process.name} is off by ${Math.round(process.skewMs)} ms now`);
};

const crashRunner: Fault = ({ scheduler, runners }) => {
  const runner = scheduler.random.of(runners);
  runner.kill();
  scheduler.after(scheduler.random.between(500, 90_000), () => runner.start());
};

const stopRunner: Fault = ({ scheduler, runners }) => {
  const runner = scheduler.random.of(runners);
  runner.stop();
  scheduler.after(scheduler.random.between(500, 90_000), () => runner.start());
};

const freezeRunner: Fault = ({ scheduler, runners }) => {
  scheduler.random.of(runners).process?.freeze(scheduler.random.between(500, 200_000));
};

const cutLink: Fault = ({ scheduler, network, runners, replicas }) => {
  const { random } = scheduler;
  const runner = random.of(runners);
  const ms = random.between(1_000, 220_000);
  const servers = random.chance(0.6) ? replicas : [random.of(replicas)];
  for (const replica of servers) network.cut(runner.name, replica.name, ms);
};

const jumpRunnerClock: Fault = ({ scheduler, runners }) => {
  const { process } = scheduler.random.of(runners);
  if (process !== undefined) process.skewMs = scheduler.random.between(-7_200_000, 7_200_000);
};

const SERVER_FAULTS: readonly Fault[] = [crashServer, stopServer, freezeServer, storeAway, jumpServerClock];
const ALL_FAULTS: readonly Fault[] = [
  ...SERVER_FAULTS,
  ...[crashRunner, crashRunner, stopRunner, freezeRunner, cutLink, cutLink, jumpRunnerClock],
];
