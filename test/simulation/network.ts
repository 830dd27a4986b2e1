import type { Scheduler } from "./scheduler.ts";
import type { ServerEdge } from "./server-edge.ts";
import type { SimProcess } from "./sim-process.ts";

/** A place where a server replica runs, or not just now. */
export interface ServerSlot {
  readonly name: string;
  running: { readonly process: SimProcess; readonly edge: ServerEdge } | undefined;
}

/** How often what goes wrong in the network; probabilities of one message. */
export interface NetworkFaults {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  /** Of those that are lost, how many the caller hears of at once (a connection that is reset). */
  readonly reset: number;
  readonly duplicated: number;
  readonly slow: number;
  /** A slow message takes up to so long. */
  readonly slowMs: number;
}

/** A network without faults. */
export const CALM: NetworkFaults = { lostRequest: 0, lostAnswer: 0, reset: 1, duplicated: 0, slow: 0, slowMs: 0 };

/** The links between runners and servers. */
export class Network {
  readonly scheduler: Scheduler;
  faults: NetworkFaults = CALM;
  readonly #cutUntil = new Map<string, number>();

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  /** Nothing passes between two for a while. Names: of a runner, and of a server. */
  cut(runner: string, server: string, ms: number): void {
    this.scheduler.note(`no way between ${runner} and ${server} for ${Math.round(ms)} ms`);
    this.#cutUntil.set(`${runner} ${server}`, this.scheduler.now + ms);
  }

  /** All is well again. */
  heal(): void {
    this.faults = CALM;
    this.#cutUntil.clear();
  }

  /** How long a message takes now; what meets a cut waits for its end. */
  latency(runner: string, server: string): number {
    const { random, now } = this.scheduler;
    const cut = (this.#cutUntil.get(`${runner} ${server}`) ?? 0) - now;
    const normal = random.between(0.5, 8);
    const late = random.chance(this.faults.slow) ? random.between(0, this.faults.slowMs) : 0;
    return Math.max(0, cut) + normal + late;
  }

  /** Whether a message meets a cut that was not there when it was sent. */
  stillCut(runner: string, server: string): boolean {
    return (this.#cutUntil.get(`${runner} ${server}`) ?? 0) > this.scheduler.now;
  }
}
