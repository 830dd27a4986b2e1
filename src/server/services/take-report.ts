import type { Clock } from "../../lib/clock.ts";
import type { Runner } from "../domain/runner.ts";
import type { RunnerPhase, RunnerSystem, RunnerUsage } from "../domain/runner-system.ts";
import type { Store } from "../storage/store.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { HeldTasks, TaskToStop } from "./held-tasks.ts";
import { truncated } from "./runner-fields.ts";
import type { RunnerIdentity } from "./runner-identity.ts";

/** What a runner says of itself. */
export interface RunnerReport {
  /** Null where it did not say. */
  readonly system: RunnerSystem | null;
  readonly usage: RunnerUsage | null;
  readonly phase: RunnerPhase;
  readonly runningTaskIds: readonly number[];
  /** Why it cannot take work, or null. */
  readonly problem: string | null;
}

/** What is remembered of a runner's last report; it is not worth a row. */
export interface LastReport {
  /** Epoch ms. */
  readonly at: number;
  readonly usage: RunnerUsage | null;
  readonly phase: RunnerPhase;
}

const REMEMBERED = 50_000;
/** A runner that used to report every 20 s and has not for so long is not there, whatever its connection looks like. */
const SILENT_MS = 60_000;
const LONGEST_REASON = 500;

/** Takes the reports of runners on themselves. One that says nothing new costs no transaction. */
export class TakeReport {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #identity: RunnerIdentity;
  readonly #dispatcher: Dispatcher;
  readonly #held: HeldTasks;
  readonly #reported: (runnerId: number, runningTaskIds: readonly number[]) => void;
  readonly #last = new BoundedMap<number, LastReport>(REMEMBERED);

  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly identity: RunnerIdentity;
    readonly dispatcher: Dispatcher;
    readonly held: HeldTasks;
    /** Told of what a runner holds now. */
    readonly reported: (runnerId: number, runningTaskIds: readonly number[]) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#identity = deps.identity;
    this.#dispatcher = deps.dispatcher;
    this.#held = deps.held;
    this.#reported = deps.reported;
  }

  /** Takes a report. @returns the tasks that the runner is to stop */
  async take(runner: Runner, report: RunnerReport): Promise<readonly TaskToStop[]> {
    const { usage, phase, runningTaskIds } = report;
    this.#last.set(runner.id, { at: this.#clock.now(), usage, phase });
    await this.#keep(runner, report);
    const stop = await this.#held.take(runner.id, runningTaskIds);
    this.#reported(runner.id, runningTaskIds);
    return stop;
  }

  /** The last report of a runner, where this process has it. */
  last(runnerId: number): LastReport | undefined {
    return this.#last.get(runnerId);
  }

  /** Whether a runner that reported before has stopped to do so. */
  isSilent(runnerId: number): boolean {
    const last = this.#last.get(runnerId);
    return last !== undefined && this.isLongAgo(last.at);
  }

  /** Whether a runner that reports must have been heard of after that time (epoch ms). */
  isLongAgo(at: number): boolean {
    return this.#clock.now() - at > SILENT_MS;
  }

  async #keep(runner: Runner, { system, problem }: RunnerReport): Promise<void> {
    const health = problem === null ? null : truncated(problem, LONGEST_REASON);
    const patch = {
      ...(health === runner.health ? {} : { health }),
      ...(system === null || isSame(system, runner.system) ? {} : { system }),
    };
    if (Object.keys(patch).length === 0) return;
    const changed = await this.#store.write(async (tx) =>
      (await tx.runners.update(runner.id, patch)) ? await tx.runners.get(runner.id) : undefined,
    );
    if (changed === undefined) return;
    this.#identity.refresh(changed);
    if (patch.health !== undefined) this.#dispatcher.runnerChanged(runner.id);
  }
}

function isSame(system: RunnerSystem, known: RunnerSystem | null): boolean {
  if (known === null) return false;
  return Object.entries(system).every(([key, value]) => known[key as keyof RunnerSystem] === value);
}
